"""Read a file or folder of texts: what kind it is, and the utterances in it.

``load(path)`` is the one entry. The kind is known from the content (see ``detect``) and can
be forced. A file is decoded as UTF-8 or UTF-16, with the line ends of any system.
"""

from __future__ import annotations

from pathlib import Path

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read import folders
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import KINDS, Texts, Want


def load(path: Path, want: Want | None = None) -> Texts:
    """Read a file or folder of texts; ``-`` is stdin. Raises DataError with file and line."""
    want = want or Want()
    if want.kind is not None and want.kind not in KINDS:
        raise DataError(f"no format {want.kind!r}", f"one of: {', '.join(KINDS)}")
    if str(path) == "-":
        return parse("stdin", read_text(path), want)
    if path.is_dir():
        return folders.read(path, want)
    if not path.exists():
        raise DataError(f"{path}: no such file", "give a file or a folder of texts")
    return parse(str(path), read_text(path), want)
