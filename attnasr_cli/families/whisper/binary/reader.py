"""Reading a binary file of weights piece by piece, never past its end."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from attnasr_cli.errors import ModelError


class BinaryFile:
    """Little-endian numbers, names and tensors at a position that moves on."""

    def __init__(self, path: Path, stream: BinaryIO, size: int) -> None:
        self.path = path
        self.size = size
        """bytes in the file"""
        self._stream = stream

    @property
    def position(self) -> int:
        return self._stream.tell()

    def skip(self, count: int) -> None:
        self._need(count)
        self._stream.seek(count, 1)

    def bytes(self, count: int) -> bytes:
        self._need(count)
        return self._stream.read(count)

    def number(self, kind: str) -> int:
        """kind: a letter of ``struct``, such as I for 32 bits without a sign."""
        value: int = struct.unpack("<" + kind, self.bytes(struct.calcsize("<" + kind)))[0]
        return value

    def tensor(self, offset: int, count: int, dtype: torch.dtype) -> Tensor:
        """``count`` numbers from a place in the file, (count,); the position stays."""
        if count == 0:
            return torch.empty(0, dtype=dtype)
        here = self.position
        self._stream.seek(offset)
        data = bytearray(count * dtype.itemsize)
        self._need(len(data))
        self._stream.readinto(data)  # type: ignore[attr-defined]
        self._stream.seek(here)
        return torch.frombuffer(data, dtype=dtype)

    def damaged(self, why: str) -> ModelError:
        return ModelError(f"damaged {self.path}: {why}", "copy it again")

    def _need(self, count: int) -> None:
        missing = self.position + count - self.size
        if missing > 0:
            raise self.damaged(f"it ends at byte {self.size:,}, at least {missing:,} too early")


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryFile]:
    """Raises ModelError where the file cannot be read."""
    try:
        with path.open("rb") as stream:
            yield BinaryFile(path, stream, path.stat().st_size)
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {problem.strerror}", "check the file") from None
