"""Chooses output names that never collide: ``a.wav`` gives ``a.txt``, or ``a.wav.txt`` where there
is an ``a.mp3``.

A name that is too long with its ending is cut, and a hash of the whole name is appended.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from attnasr_cli.transcribe.inputs import ENDINGS

LONGEST = 255 - len(".ch999") - len(".TextGrid")  # bytes of a name before channel and ending
HASHED = 8


def assign(
    names: Sequence[PurePath], taken: Mapping[str, str] | None = None
) -> dict[PurePath, PurePath]:
    """Input name → output name without its ending, for inputs that are known together.

    ``taken``: output name → the input that it already belongs to, from earlier runs; that input
    keeps it, and no other one gets it. Letter case does not make a difference, as on some disks.
    """
    owners = {output.casefold(): owner for output, owner in (taken or {}).items()}
    kept = {owner: PurePath(output) for output, owner in (taken or {}).items()}
    used = set(owners)
    shared = Counter(_key(_fitting(_short(name))) for name in names)
    result: dict[PurePath, PurePath] = {}
    for name in names:
        if str(name) in kept:
            result[name] = kept[str(name)]
            continue
        short = _fitting(_short(name))
        unique = shared[_key(short)] == 1 and _key(short) not in used
        chosen = short if unique else _fitting(name)
        number = 2
        while _key(chosen) in used:
            chosen = _fitting(name.with_name(f"{name.name}-{number}"))
            number += 1
        used.add(_key(chosen))
        result[name] = chosen
    return result


def _short(name: PurePath) -> PurePath:
    """Without the ending of a recording; ``talk v1.2`` has none."""
    return name.with_suffix("") if name.suffix.lower() in ENDINGS else name


def _fitting(name: PurePath) -> PurePath:
    raw = os.fsencode(name.name)
    if len(raw) <= LONGEST:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:HASHED]
    kept = raw[: LONGEST - HASHED - 1].decode("utf-8", "ignore")
    return name.with_name(f"{kept}~{digest}")


def _key(name: PurePath) -> str:
    return str(name).casefold()
