"""A growing folder of cached rows: flat files, and an index of where the rows of each utterance
are.

A new recording adds its rows; a changed one gets new rows. The writer first writes the rows of a
group of utterances, then their index lines, so that a kill loses at most one group. Indexed rows
are never overwritten, so they may be mapped while others are added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from attnasr_cli.errors import OutputError

INDEX = "index.jsonl"
SHARD_BYTES = 2**30  # then the next file is begun


@dataclass(frozen=True)
class Place:
    """The place of the rows of an utterance, or the reason why it has none."""

    shard: int = 0
    start: int = 0
    """the first row"""
    rows: int = 0
    problem: str = ""


class Shards:
    """A folder of rows of one kind and shape."""

    def __init__(self, folder: Path, kind: type[np.generic], width: tuple[int, ...]) -> None:
        """kind: the type of a number; width: the shape of a row."""
        self.folder, self.kind, self.width = folder, np.dtype(kind), width
        self.row_bytes = self.kind.itemsize * int(np.prod(width, dtype=np.int64))

    def places(self) -> dict[str, Place]:
        """Key of an utterance → its place, for all in the index. Lines that were cut off, or point
        outside their file, are ignored."""
        found: dict[str, Place] = {}
        sizes: dict[int, int] = {}
        try:
            lines = (self.folder / INDEX).read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return found
        for line in lines:
            try:
                key, shard, start, rows, problem = json.loads(line)
                place = Place(int(shard), int(start), int(rows), str(problem))
            except (ValueError, TypeError):
                continue
            if place.shard not in sizes:
                sizes[place.shard] = self._size(place.shard)
            if (place.start + place.rows) * self.row_bytes <= sizes[place.shard]:
                found[str(key)] = place
        return found

    def open(self, shard: int) -> np.ndarray:
        """(rows, *width), a memory map"""
        size = self._size(shard) // self.row_bytes
        shape = (size, *self.width)
        if size == 0:
            return np.zeros(shape, self.kind)
        return np.memmap(self._path(shard), self.kind, "r", shape=shape)

    @contextmanager
    def adding(self) -> Iterator[Adder]:
        """A context for adding utterances, for one process at a time. Raises OutputError where the
        disk is full or not writable; groups added before stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        named = {place.shard for place in self.places().values() if place.rows}
        for path in self.folder.glob("*.rows"):  # left by one that was killed in its first group
            if path.stem.isdigit() and int(path.stem) not in named:
                path.unlink(missing_ok=True)
        adder = Adder(self, max(named, default=-1) + 1)
        try:
            yield adder
        finally:
            adder.close()

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.rows"

    def _size(self, shard: int) -> int:
        try:
            return self._path(shard).stat().st_size
        except FileNotFoundError:
            return 0


class Adder:
    """Appends groups of utterances."""

    def __init__(self, shards: Shards, shard: int) -> None:
        self._shards, self._shard, self._rows = shards, shard, 0
        self._file: IO[bytes] | None = None
        self._index: IO[bytes] = (shards.folder / INDEX).open("ab")
        self._begin = b"\n" if self._index.tell() else b""  # the last line may have been cut off

    def add(self, group: Iterable[tuple[str, np.ndarray | str]]) -> None:
        """Append a group of (key, rows (n, *width)), or (key, reason) for an utterance without
        rows."""
        lines = []
        try:
            if self._rows * self._shards.row_bytes >= SHARD_BYTES:
                self._next_shard()
            if self._file is None:
                self._file = self._begin_shard()
            start = self._rows
            for key, found in group:
                if isinstance(found, str):
                    lines.append((key, 0, 0, 0, found))
                    continue
                self._file.write(np.ascontiguousarray(found, self._shards.kind).tobytes())
                lines.append((key, self._shard, start, found.shape[0], ""))
                start += found.shape[0]
            self._file.flush()
            self._rows = start
            text = "".join(json.dumps(line) + "\n" for line in lines)
            self._index.write(self._begin + text.encode())
            self._index.flush()
            self._begin = b""
        except OSError as problem:
            raise OutputError(
                f"cannot write features into {self._shards.folder}: {problem.strerror or problem}",
                "free some space, or name another folder with --cache; what is there stays",
            ) from None

    def _begin_shard(self) -> IO[bytes]:
        return self._shards._path(self._shard).open("wb")

    def _next_shard(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file, self._rows, self._shard = None, 0, self._shard + 1

    def close(self) -> None:
        for file in (self._file, self._index):
            if file is not None:
                with suppress(OSError):  # a full disk: what was not flushed is not indexed
                    file.close()
