"""The journal of a remote output folder (s3://, gs://, …), kept beside the outputs.

An object store writes objects as a whole, but cannot append to them or lock them. So the lines of
the journal are written in groups, one object for each: first that outputs will be written, then the
outputs, then that they are complete. A group has the recordings of one second; a run that is killed
repeats those of its last second. The lock is an object that its owner renews.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attnasr_cli import remote
from attnasr_cli.errors import OutputError
from attnasr_cli.recognize.jobs import Known, SegmentResult
from attnasr_cli.transcribe.journal import FOLDER, Entry, FolderError, Past, read_lines
from attnasr_cli.transcribe.parts import Parts

GROUP_S = 1.0
RENEW_S, STALE_S = 30.0, 120.0
"""how often the lock is renewed, and the age from which its owner counts as gone"""
Group = list[tuple[str, str, Mapping[str, tuple[str, bytes]]]]


class RemoteParts(Parts):
    """Segments of unfinished recordings, kept on this machine and sent with each group."""

    def __init__(self, scratch: Path, journal: RemoteJournal) -> None:
        super().__init__(scratch)
        self.journal = journal
        self.sent: dict[str, int] = {}

    def read(self, key: str) -> Known:
        """The stored segments of a recording, from this machine or from the store."""
        name = f"parts/{key}.jsonl"
        if not self._path(key).exists() and name in self.journal.inner_names:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._path(key).write_bytes(self.journal.get(name))
        return super().read(key)

    def drop(self, key: str) -> None:
        """Remove the segments of a recording that is finished, or is to be transcribed anew."""
        super().drop(key)
        self.sent.pop(key, None)
        name = f"parts/{key}.jsonl"
        if name in self.journal.inner_names:
            self.journal.remove([name])

    def changed(self) -> dict[str, bytes]:
        """Name → content of files that have grown since they were sent."""
        found: dict[str, bytes] = {}
        files = self.folder.glob("*.jsonl") if self.folder.is_dir() else ()
        for file in files:
            size = file.stat().st_size
            if self.sent.get(file.stem) != size:
                self.sent[file.stem] = size
                found[f"parts/{file.name}"] = file.read_bytes()
        return found

    def close(self) -> None:
        """Do nothing: the journal removes the scratch folder."""


class RemoteJournal:
    """As ``Journal``, at an address. Everything is written only when ``close`` returns."""

    def __init__(self, url: str) -> None:
        """Raises OutputError where another run has it, FolderError where nothing can be written."""
        self.folder = url.rstrip("/")
        self.fs, self.top = remote.filesystem(self.folder)
        self.top = self.top.rstrip("/")
        self.written: set[str] = set()
        self.waiting: Group = []
        self.begun = time.monotonic()
        self.count = 0
        self._scratch = tempfile.TemporaryDirectory(prefix="attnasr-")
        self.inner = Path(self._scratch.name)
        self.parts = RemoteParts(self.inner / "parts", self)
        self.manifest_sent = 0
        self._mutex = threading.Lock()
        self._ending = threading.Event()
        self._trying(self._open)
        self.run = f"{time.time_ns():x}"
        threading.Thread(target=self._renew, name="attnasr-lock", daemon=True).start()

    def _open(self) -> None:
        found = list(self.fs.find(self.top, detail=False)) if self.fs.exists(self.top) else []
        names = [path[len(self.top) :].lstrip("/") for path in found]
        inner = f"{FOLDER}/"
        self.inner_names = {n.removeprefix(inner) for n in names if n.startswith(inner)}
        self.outputs = {name for name in names if not name.startswith(inner)}
        self._lock()
        self.entries: dict[str, Entry] = {}
        old = sorted(name for name in self.inner_names if name.startswith("journal/"))
        contents = self.fs.cat([self._inside(name) for name in old]) if old else {}
        for name in old:
            self.entries |= read_lines(contents[self._inside(name)])
        if len(old) > 1:  # one object is read sooner than many
            lines = b"".join(_line(name, entry) for name, entry in self.entries.items())
            self._put({f"journal/{time.time_ns():x}-all.jsonl": lines})
            self.remove(old)

    def _lock(self) -> None:
        if "lock" in self.inner_names:
            with contextlib.suppress(OSError, ValueError, KeyError):
                owner = json.loads(self.get("lock"))
                fresh = time.time() - float(owner["time"]) < STALE_S
                if fresh and not _is_gone(owner):
                    raise OutputError(
                        f"another attnasr (process {owner['pid']} on {owner['host']}) is writing "
                        f"to {self.folder}",
                        f"wait until it ends, or {STALE_S / 60:.0f} minutes if it was killed",
                    )
        self._renewed()

    def _renewed(self) -> None:
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}
        self._put({"lock": json.dumps(owner).encode()})

    def _renew(self) -> None:
        while not self._ending.wait(RENEW_S):
            with contextlib.suppress(Exception), self._mutex:
                self._renewed()

    def __enter__(self) -> RemoteJournal:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Send everything that waits. Raises FolderError."""
        self._ending.set()
        try:
            self._trying(self._send)
            self._trying(lambda: self.remove(["lock"]))
        finally:
            self._scratch.cleanup()

    def stems(self) -> dict[str, str]:
        """Output name without ending → input that it belongs to."""
        return {entry.stem: name for name, entry in self.entries.items()}

    def past(self, name: str, outputs: Iterable[str]) -> Past:
        """The latest entry about an input, and which of these output paths are taken."""
        there = frozenset(output for output in outputs if output in self.outputs)
        return Past(self.folder, self.entries.get(name), there, there, name in self.written)

    def write(self, name: str, stem: str, outputs: Mapping[str, tuple[str, bytes]]) -> None:
        """Queue outputs (path → (key, content)) of one input for the next group. Raises
        FolderError."""
        self.waiting.append((name, stem, outputs))
        self.flush()

    def keep(self, key: str, place: tuple[int, int], outcome: SegmentResult) -> None:
        """Store a segment of an unfinished recording. Raises FolderError."""
        self.parts.add(key, place, outcome)
        self.flush()

    def flush(self) -> None:
        """Send what waits, if it has waited long enough. Raises FolderError."""
        if time.monotonic() - self.begun >= GROUP_S:
            self._trying(self._send)

    def _send(self) -> None:
        group, self.waiting = self.waiting, []
        entries: dict[str, Entry] = {}
        contents: dict[str, bytes] = {}
        for name, stem, outputs in group:
            before = entries.get(name) or self.entries.get(name)
            keys = dict(before.outputs) if before else {}
            keys |= {output: key for output, (key, _) in outputs.items()}
            entries[name] = Entry(stem, keys, writing=True)
            contents |= {output: content for output, (_, content) in outputs.items()}
        with self._mutex:
            if entries:
                self._append(entries)
                paths = {f"{self.top}/{output}": body for output, body in contents.items()}
                self.fs.pipe(paths)
                self.outputs |= set(contents)
                done = {n: Entry(e.stem, e.outputs, False) for n, e in entries.items()}
                self._append(done)
                self.entries |= done
                self.written |= set(done)
            self._put(self.parts.changed() | self._manifest())
        self.begun = time.monotonic()

    def _append(self, entries: Mapping[str, Entry]) -> None:
        lines = b"".join(_line(name, entry) for name, entry in entries.items())
        self.count += 1
        self._put({f"journal/{self.run}-{self.count:08}.jsonl": lines})

    def _manifest(self) -> dict[str, bytes]:
        """The manifest of this run."""
        file = self.inner / "cluster.jsonl"
        if not file.exists() or file.stat().st_size == self.manifest_sent:
            return {}
        self.manifest_sent = file.stat().st_size
        return {f"cluster-{self.run}.jsonl": file.read_bytes()}

    def get(self, name: str) -> bytes:
        """The content of an object beside the journal."""
        return bytes(self.fs.cat_file(self._inside(name)))

    def remove(self, names: list[str]) -> None:
        """Remove objects beside the journal."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                self.fs.rm_file(self._inside(name))
        self.inner_names -= set(names)

    def _put(self, contents: Mapping[str, bytes]) -> None:
        if contents:
            self.fs.pipe({self._inside(name): content for name, content in contents.items()})
            self.inner_names |= set(contents)

    def _inside(self, name: str) -> str:
        return f"{self.top}/{FOLDER}/{name}"

    def _trying(self, action: Any) -> None:
        try:
            action()
        except OutputError:
            raise
        except Exception as problem:
            text = " ".join(str(problem).split()) or type(problem).__name__
            raise FolderError(
                f"cannot write to {self.folder}: {text[:200]}",
                "check the address and your rights; then the same command again goes on",
            ) from None


def _line(name: str, entry: Entry) -> bytes:
    row = {"input": name, "stem": entry.stem, "writing": entry.writing}
    return json.dumps(row | {"outputs": dict(entry.outputs)}).encode("ascii") + b"\n"


def _is_gone(owner: Mapping[str, Any]) -> bool:
    """Whether the owner of a lock is a process of this machine that has ended; false for other
    machines."""
    if owner["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return int(owner["pid"]) == os.getpid()
