"""Tar shards as webdataset has them: files of one name but for its ending belong together
(https://github.com/webdataset/webdataset): ``0001.flac`` with ``0001.txt`` or ``0001.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnasr_cli.audio import tar
from attnasr_cli.data import AUDIO_ENDINGS
from attnasr_cli.errors import AudioError, DataError
from attnasr_cli.training.formats.tables import TEXTS
from attnasr_cli.training.formats.utterance import Utterance

NAMED = re.compile(r"(?P<key>(?:.*/)?[^/.]+)\.(?P<ending>[^/]+)")
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
SPEAKERS = ("speaker", "speaker_id", "client_id")
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


def shards(path: Path) -> list[Path]:
    """The tars that a path stands for: itself, those in a folder, or a range like
    ``shard-{000..127}.tar``; none where it stands for something else. Raises DataError."""
    name = path.name
    if name.endswith(COMPRESSED) and path.is_file():
        raise DataError(f"{path} is compressed", "unpack it to .tar: it is read at any place")
    if path.is_dir():
        return sorted(path.glob("*.tar"))
    if path.suffix != tar.ENDING:
        return []
    if path.exists() or not RANGE.search(name):
        return [path] if path.is_file() else []
    found = [path.with_name(one) for one in _expanded(name)]
    missing = [one for one in found if not one.is_file()]
    if missing:
        raise DataError(f"no such data: {missing[0]}", f"of the {len(found)} shards of {path}")
    return found


def _expanded(name: str) -> list[str]:
    """``a-{08..10}.tar`` → ``a-08.tar``, ``a-09.tar``, ``a-10.tar``."""
    found = RANGE.search(name)
    if found is None:
        return [name]
    first, last = found.groups()
    numbers = [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
    return [one for n in numbers for one in _expanded(name[: found.start()] + n
                                                      + name[found.end() :])]  # fmt: skip


def tar_shards(path: Path) -> Iterator[Utterance]:
    """The recordings of tar shards with their texts."""
    for shard in shards(path):
        try:
            found = tar.members(shard)
        except AudioError as problem:
            raise DataError(problem.message, problem.hint) from None
        samples: dict[str, dict[str, str]] = {}
        for name in found:
            parts = NAMED.fullmatch(name)
            if parts is not None:
                samples.setdefault(parts["key"], {})[parts["ending"].lower()] = name
        for files in samples.values():
            audio = next((n for e, n in files.items() if "." + e in AUDIO_ENDINGS), None)
            if audio is not None:
                yield _utterance(shard, audio, files, found)


def _utterance(
    shard: Path, audio: str, files: Mapping[str, str], places: Mapping[str, tar.Place]
) -> Utterance:
    """files: ending → name of what belongs to a recording."""
    values: dict[str, Any] = {}
    if "json" in files:
        try:
            values = json.loads(_read(shard, files["json"], places))
        except ValueError as problem:
            raise DataError(f"{shard}/{files['json']}: {problem}", "an object in JSON") from None
        if not isinstance(values, dict):
            raise DataError(f"{shard}/{files['json']} is no object", 'like {"text": "…"}')
    if "txt" in files:
        text: Any = _read(shard, files["txt"], places)
    else:
        text = next((values[name] for name in TEXTS if name in values), None)
    if not isinstance(text, str):
        raise DataError(
            f"{shard}/{audio} has no text", 'beside it a .txt, or a .json like {"text": "…"}'
        )
    speaker = next((values[name] for name in SPEAKERS if values.get(name)), "")
    return Utterance("", shard / audio, " ".join(text.split()), speaker=str(speaker))


def _read(shard: Path, name: str, places: Mapping[str, tar.Place]) -> str:
    try:
        return tar.read(shard, places[name]).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{shard}/{name} is not UTF-8", "convert it") from None
