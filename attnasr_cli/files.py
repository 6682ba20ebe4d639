"""The only atomic write and the only locks: no file is ever half-written, and two processes never
write the same one."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from attnasr_cli.errors import OutputError


def display_name(path: str | os.PathLike[str]) -> str:
    """A name as valid text, in any locale: its bytes as UTF-8, U+FFFD for what is none. Never
    raises."""
    try:
        return os.fsencode(path).decode("utf-8", "replace")
    except UnicodeEncodeError:  # a text that is no name of this locale
        return str(path).encode("utf-8", "replace").decode("utf-8")


@contextmanager
def replacing(path: Path, beside: Path | None = None) -> Iterator[IO[bytes]]:
    """A file to write into that takes the place of ``path`` when the block ends without an error;
    a reader sees the old file or the new one. Raises OSError.

    ``beside``: folder of the temporary file, by default that of ``path``. Its name is short
    whatever ``path`` is called, and its mode is what the umask leaves.
    """
    part = (beside or path.parent) / f".{os.urandom(8).hex()}.part"
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        try:
            os.replace(part, path)
        except OSError as problem:
            if problem.errno != errno.EXDEV:  # another file system is mounted below
                raise
            with replacing(path) as copy, part.open("rb") as source:
                shutil.copyfileobj(source, copy)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """An empty folder to write into that becomes ``path`` when the block ends without an error;
    ``path`` may only be there as an empty folder. Raises OSError."""
    part = path.parent / f".{os.urandom(8).hex()}.part"
    try:
        part.mkdir(parents=True)
        yield part
        os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all; a device or a pipe stays what it is. Raises
    OutputError with the reason."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        with replacing(path) as file:
            file.write(content)
    except OSError as problem:
        raise OutputError(
            f"cannot write {path}: {problem.strerror or problem}",
            "nothing is left half-written; check space and rights, then run the same command again",
        ) from None


def write_text(path: Path, text: str) -> None:
    """UTF-8 with \\n, as a whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Hold a lock between processes, waiting for whoever has it. A file system without locks gives
    none. Raises OSError where the file cannot be made."""
    from filelock import FileLock

    lock = FileLock(path)
    with contextlib.suppress(NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class Lock:
    """A lock between processes, held until ``close`` or the end of the process."""

    def __init__(self, path: Path, doing: str, hint: str) -> None:
        """``doing``: what the owner does, for the message. Raises OutputError where another process
        has it, and OSError where the file cannot be made. A file system without locks gives none.
        """
        from filelock import FileLock, Timeout

        self._lock = FileLock(path, thread_local=False)
        owner = path.with_name(path.name + ".pid")  # acquiring empties the lock file itself
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            number = ""
            with contextlib.suppress(OSError, ValueError):
                number = f" (process {int(owner.read_text(encoding='ascii'))})"
            raise OutputError(f"another attnasr{number} {doing}", hint) from None
        except NotImplementedError:
            return
        with contextlib.suppress(OSError):
            owner.write_text(str(os.getpid()), encoding="ascii")

    def close(self) -> None:
        self._lock.release(force=True)

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
