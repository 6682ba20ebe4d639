"""The journal of an output folder: which transcripts are done, from which audio and options.

``.attnasr/journal.jsonl`` has two lines for each recording: before its outputs are written, and
after. A run that is killed leaves at most a first line without its second and temporary files in
``.attnasr/tmp``; the next run knows from the first line that these outputs are its own and writes
them again. ``.attnasr/parts`` has the segments of unfinished recordings. A lock keeps two runs from
using one folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from attnasr_cli.errors import OutputError
from attnasr_cli.files import Lock, replacing
from attnasr_cli.recognize.jobs import SegmentResult
from attnasr_cli.transcribe.parts import Parts

FOLDER = ".attnasr"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


class FolderError(OutputError):
    """The output folder cannot be written to any more; ends the run."""


@dataclass(frozen=True)
class Entry:
    """The latest entry about one recording."""

    stem: str
    """path of its outputs without the ending of the format"""
    outputs: Mapping[str, str]
    """path inside the output folder → key of what the file was made from: content, model,
    options"""
    writing: bool
    """whether the outputs were still being written"""


@dataclass(frozen=True)
class Past:
    """The state of an output folder for one recording."""

    folder: Path | str
    entry: Entry | None
    readable: frozenset[str]
    """outputs that exist"""
    occupied: frozenset[str]
    """outputs whose path is taken, perhaps by a dangling link"""
    ours: bool
    """whether this run made them"""

    def is_done(self, outputs: Mapping[str, str]) -> bool:
        """Whether these outputs (path → key) exist and were made from the same content and
        options."""
        entry = self.entry
        return (
            entry is not None
            and not entry.writing
            and all(entry.outputs.get(output) == key for output, key in outputs.items())
            and self.readable.issuperset(outputs)
        )

    def in_the_way(self, outputs: Mapping[str, str]) -> str | None:
        """The reason why these outputs (path → key) must not be written without ``--overwrite``, or
        None. Outputs of this run may be replaced: with ``--watch`` a recording may have grown."""
        entry = self.entry
        for output, key in outputs.items():
            if output not in self.occupied:
                continue
            if entry is None or output not in entry.outputs:
                return f"{self._path(output)} exists and was not written by attnasr"
            if entry.outputs[output] != key and not entry.writing and not self.ours:
                return (
                    f"{self._path(output)} was made of other audio, with another model or "
                    "other options"
                )
        return None

    def _path(self, output: str) -> str:
        far = isinstance(self.folder, str)
        return f"{self.folder}/{output}" if far else str(Path(self.folder, output))


class Journal:
    """The journal of an output folder, which is locked while it is open."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.inner = folder, folder / FOLDER
        self.temporary = self.inner / "tmp"
        self.parts = Parts(self.inner / "parts")
        self.written: set[str] = set()  # inputs whose outputs this run has made
        try:
            self.temporary.mkdir(parents=True, exist_ok=True)
            self._lock = Lock(
                self.inner / "lock",
                f"is writing to {folder}",
                "wait until it ends, or choose another --output-dir",
            )
            for leftover in self.temporary.iterdir():
                leftover.unlink()
            self.entries = self._read()
            self._file = self._opened()
        except OSError as problem:
            raise failed(folder, problem) from None

    def _opened(self) -> IO[bytes]:
        """Open the journal for appending; first ends a line that a kill cut off."""
        path = self.inner / "journal.jsonl"
        file = path.open("ab")
        if path.stat().st_size:
            with path.open("rb") as reading:
                reading.seek(-1, os.SEEK_END)
                if reading.read() != b"\n":
                    file.write(b"\n")
        return file

    def _read(self) -> dict[str, Entry]:
        try:
            return read_lines((self.inner / "journal.jsonl").read_bytes())
        except FileNotFoundError:
            return {}

    def close(self) -> None:
        self._file.close()
        self.parts.close()
        self._lock.close()
        with contextlib.suppress(OSError):
            self.temporary.rmdir()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def stems(self) -> dict[str, str]:
        """Output name without ending → input that it belongs to."""
        return {entry.stem: name for name, entry in self.entries.items()}

    def past(self, name: str, outputs: Iterable[str]) -> Past:
        """The latest entry about an input, and which of these output paths are taken."""
        paths = {output: self.folder / output for output in outputs}
        return Past(
            self.folder,
            self.entries.get(name),
            frozenset(output for output, path in paths.items() if path.exists()),
            frozenset(output for output, path in paths.items() if os.path.lexists(path)),
            name in self.written,
        )

    def is_done(self, name: str, outputs: Mapping[str, str]) -> bool:
        """Whether these outputs (path → key) of an input are there, made of the same."""
        return self.past(name, outputs).is_done(outputs)

    def in_the_way(self, name: str, outputs: Mapping[str, str]) -> str | None:
        """Why these outputs (path → key) may not be written without ``--overwrite``, or None."""
        return self.past(name, outputs).in_the_way(outputs)

    def write(self, name: str, stem: str, outputs: Mapping[str, tuple[str, bytes]]) -> None:
        """Write outputs (path → (key, content)) of one input, each as a whole. Raises
        OutputError."""
        try:
            before = self.entries.get(name)
            keys = dict(before.outputs) if before else {}
            keys |= {output: key for output, (key, _) in outputs.items()}
            self._append(name, Entry(stem, keys, writing=True))
            for output, (_, content) in outputs.items():
                self._replace(self.folder / output, content)
            self._append(name, Entry(stem, keys, writing=False))
            self.written.add(name)
        except OSError as problem:
            raise failed(Path(problem.filename or self.folder), problem) from None

    def keep(self, key: str, place: tuple[int, int], outcome: SegmentResult) -> None:
        """Store a segment of an unfinished recording. Raises OutputError."""
        try:
            self.parts.add(key, place, outcome)
        except OSError as problem:
            raise failed(self.parts.folder, problem) from None

    def _append(self, name: str, entry: Entry) -> None:
        row = {"input": name, "stem": entry.stem, "writing": entry.writing}
        self._file.write(json.dumps(row | {"outputs": dict(entry.outputs)}).encode("ascii") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entries[name] = entry

    def _replace(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(path, self.temporary) as file:
                file.write(content)
        except OSError as problem:
            problem.filename = str(path)  # and not the temporary file
            raise


def read_lines(content: bytes) -> dict[str, Entry]:
    """The latest entry about each recording, from the lines of a journal."""
    entries: dict[str, Entry] = {}
    for line in content.split(b"\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # cut off by a kill
            row = json.loads(line)
            entries[row["input"]] = Entry(row["stem"], dict(row["outputs"]), row["writing"])
    return entries


def content_key(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(content: str, facts: Mapping[str, Any]) -> str:
    """A hash of everything that an output depends on."""
    text = json.dumps({"audio": content, **facts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def failed(path: Path, problem: OSError) -> OutputError:
    """The OutputError for an OSError while writing."""
    text = f"cannot write to {path}: {problem.strerror or problem}"
    if problem.errno in FULL:
        hint = "what is finished is kept; free some space and run the same command again"
        return FolderError(text, hint)
    if problem.errno in FORBIDDEN:
        return FolderError(text, "choose an --output-dir where you may write")
    return OutputError(text, "choose another --output-dir")
