"""Read a file or folder of texts: what kind it is, and the utterances in it.

``load(path)`` is the one entry. The kind is known from the content (see ``detect``) and can
be forced. A file is decoded as UTF-8 (or UTF-16 with a byte order mark), line ends of any system.
"""

from __future__ import annotations

import sys
from pathlib import Path

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read import folders
from attnasr_cli.scoring.read.parse import decode, parse
from attnasr_cli.scoring.types import KINDS, Texts


def load(path: Path, kind: str | None = None) -> Texts:
    """Read a file or folder of texts."""
    if kind is not None and kind not in KINDS:
        raise DataError(f"no format {kind!r}", f"one of: {', '.join(KINDS)}")
    if str(path) == "-":
        return parse("stdin", decode(sys.stdin.buffer.read(), "stdin"), kind)
    if path.is_dir():
        return folders.read(path, kind)
    if not path.exists():
        raise DataError(f"{path}: no such file", "give a file or a folder of texts")
    return parse(str(path), decode(path.read_bytes(), str(path)), kind)
