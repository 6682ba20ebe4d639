"""Identifies a model by a hash of everything that its texts depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

HEAD = 1 << 20  # bytes of a file that count, at each of its ends


def files_of(path: Path) -> Iterator[Path]:
    """The files of a model that change a text, sorted: not its card, nor the state of training."""
    if not path.is_dir():
        yield path
        return
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        inside = file.relative_to(path)
        if file.suffix.lower() not in (".md", ".part") and "train" not in inside.parts[:1]:
            yield file


def model_key(path: Path, *more: Path) -> str:
    """The key of a model, from its files and those given beside it: files up to 2 MB are hashed
    whole, larger ones by size, head and tail."""
    digest = hashlib.sha256()
    for file in (*files_of(path), *more):
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as content:
            digest.update(content.read(HEAD))
            content.seek(max(size - HEAD, HEAD))
            digest.update(content.read())
    return digest.hexdigest()
