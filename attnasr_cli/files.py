"""Files that are never half-written: write beside, then rename."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from attnasr_cli.errors import OutputError


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


UMASK = _umask()
"""of this process. To read it means to set it, for all threads: so once, before there are any"""


def display_name(path: str | os.PathLike[str]) -> str:
    """A name as valid text, in any locale: its bytes as UTF-8, what is none replaced by ``?`` marks
    (U+FFFD). Never raises."""
    try:
        return os.fsencode(path).decode("utf-8", "replace")
    except UnicodeEncodeError:  # a text that is no name of this locale
        return str(path).encode("utf-8", "replace").decode("utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all. Raises OutputError with the reason."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".attnasr-", suffix=".part")
    except OSError as problem:
        raise _failed(path, problem) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~UMASK)
        os.replace(part, path)
    except BaseException as problem:
        part.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise _failed(path, problem) from None
        raise


def write_text(path: Path, text: str) -> None:
    """UTF-8 with \\n, as a whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def _failed(path: Path, problem: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {problem.strerror or problem}",
        "nothing was left half-written; check space and rights, then run the same command again",
    )
