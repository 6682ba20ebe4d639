"""Normalisers by name for scoring: those of ``text.normalize``, and NIST GLM files."""

from __future__ import annotations

from pathlib import Path

from attnasr_cli.scoring.nist import glm
from attnasr_cli.text import normalize
from attnasr_cli.text.normalize import Normalizer


def find(name: str) -> Normalizer:
    """A normaliser by name: of ``NAMED``, a .glm file, module:function, or an entry point.

    Raises UsageError if nothing is called so, DataError if a GLM file is wrong.
    """
    if name not in normalize.NAMED and (
        name.lower().endswith(".glm") or (Path(name).is_file() and not name.endswith(".py"))
    ):
        return glm.normalizer(Path(name))
    return normalize.get(name)
