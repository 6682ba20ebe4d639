"""A file as bytes at offsets, and parts of it as files of their own."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEARCH_BYTES = 1 << 20
CACHE_BYTES = 1 << 14
SMALL_MISSING = 1_024
"""bytes; a header may promise this much more than there is without anybody missing it"""


@dataclass(frozen=True)
class Part:
    """A recording of its own inside a file; files have one part unless they were joined."""

    kind: str
    """wav, flac, ogg, mp3 …; "" where the format is none that ``containers`` knows"""
    start: int
    """its first byte in the file"""
    end: int
    """the byte after its last one"""
    holes: tuple[tuple[int, int], ...] = ()
    """(start, end) in the file of bytes that are no part of it, such as tags between songs"""
    patches: tuple[tuple[int, bytes], ...] = ()
    """(offset in the file, bytes that should stand there) of a header that is wrong"""
    damage: str = ""
    """why it cannot be whole, as "is cut off: …"; reading it needs ``salvage``"""
    hopeless: bool = False
    """nothing can be read of what is there"""
    warnings: tuple[str, ...] = ()
    """what is wrong without harm, as "its header …" """
    beyond_libsndfile: bool = False
    """several streams, of which one is to be chosen, or none that it can count"""
    promised_s: float | None = None
    """seconds that an optional header promises, where no reader checks it"""
    cut: bool = False
    """its last frame is not complete"""


def cut_off(there: int, said: int) -> str:
    """The damage of a part whose header promises more bytes than there are."""
    return f"is cut off: {there} of {said} bytes are there"


class View:
    """Bytes at offsets of an open file, whose size is that of now."""

    def __init__(self, path: str | os.PathLike[str], headers_only: bool = False) -> None:
        """``headers_only``: nothing is looked for further on, so that a file of any size is opened
        in no time; what was joined to it is not found."""
        self.headers_only = headers_only
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._file).st_size
        self._cached, self._cached_at = b"", 0

    def at(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes, fewer at the end of the file."""
        count = min(count, max(self.size - offset, 0))
        if not count:
            return b""
        if count > CACHE_BYTES:
            return os.pread(self._file, count, offset)
        skipped = offset - self._cached_at
        if skipped < 0 or skipped + count > len(self._cached):
            self._cached, self._cached_at = os.pread(self._file, CACHE_BYTES, offset), offset
            skipped = 0
        return self._cached[skipped : skipped + count]

    def find(self, pattern: bytes, start: int, end: int | None = None) -> int:
        """Offset of the first ``pattern`` from ``start`` on that begins before ``end``, or -1."""
        end = self.size if end is None else end
        if self.headers_only and end - start > SEARCH_BYTES:
            return -1
        while start < end:
            block = self.at(start, min(SEARCH_BYTES, end - start) + len(pattern) - 1)
            found = block.find(pattern)
            if found >= 0:
                return start + found
            start += SEARCH_BYTES
        return -1

    def search(self, pattern: re.Pattern[bytes], start: int) -> int:
        """Offset of the first match (of up to 16 bytes) from ``start`` on, or -1."""
        while start < self.size and not self.headers_only:
            found = pattern.search(self.at(start, SEARCH_BYTES + 16))
            if found is not None:
                return start + found.start()
            start += SEARCH_BYTES
        return -1

    def close(self) -> None:
        os.close(self._file)

    def __enter__(self) -> View:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class PartFile(io.RawIOBase):
    """A part as a file that libsndfile and FFmpeg read: patched, without its holes."""

    def __init__(self, path: str | os.PathLike[str], part: Part) -> None:
        suffix = Path(path).suffix
        # FFmpeg recognises a few formats by this alone. It never sees the name itself: a colon
        # in it would be read as an address.
        plain = suffix.isascii() and suffix[1:].isalnum()
        self.name = f"recording{suffix if plain else ''}"
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below
        self._ranges = list(_kept(part))
        self._patches = part.patches
        self.size = sum(end - start for start, end in self._ranges)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (0, self._position, self.size)[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the part goes, over its holes: libsndfile takes less for the
        end."""
        target = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(target):
            count = self._from_one_range(target[filled:])
            if not count:
                break
            filled += count
        return filled

    def _from_one_range(self, target: memoryview) -> int:
        skipped = 0
        for start, end in self._ranges:
            length = end - start
            if self._position < skipped + length:
                offset = start + self._position - skipped
                target = target[: min(len(target), end - offset)]
                self._file.seek(offset)
                count = self._file.readinto(target) or 0
                self._patch(target[:count], offset)
                self._position += count
                return count
            skipped += length
        return 0

    def _patch(self, target: memoryview, offset: int) -> None:
        for place, content in self._patches:
            for index, byte in enumerate(content, place - offset):
                if 0 <= index < len(target):
                    target[index] = byte

    def close(self) -> None:
        self._file.close()
        super().close()


def _kept(part: Part) -> Sequence[tuple[int, int]]:
    """The ranges of a part between its holes."""
    kept: list[tuple[int, int]] = []
    start = part.start
    for hole, after in part.holes:
        if hole > start:
            kept.append((start, hole))
        start = max(after, start)
    if part.end > start:
        kept.append((start, part.end))
    return kept
