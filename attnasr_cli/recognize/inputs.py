"""What Python callers may pass as a recording: a path, an open file, or an array of samples."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Protocol, runtime_checkable

import numpy as np
import soundfile
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.errors import AudioError, UsageError

Recording = str | os.PathLike[str] | IO[bytes] | np.ndarray | Tensor
"""a path (``-`` is stdin), a file opened in binary mode, or samples (N,) or (N, channels): floats
between −1 and 1, or 16-bit integers"""


@runtime_checkable
class Readable(Protocol):
    """An open file."""

    def read(self, size: int = -1, /) -> bytes: ...


def each(recordings: Recording | Iterable[Recording]) -> Iterator[Recording]:
    """Iterate over recordings; a single one is taken as a list of one."""
    if isinstance(recordings, str | os.PathLike | np.ndarray | Tensor | Readable):
        yield recordings
    elif isinstance(recordings, Iterable):
        yield from recordings
    else:  # a number, say: ``Inputs.path`` tells what is wrong with it
        yield recordings


class Inputs:
    """Gives every recording a path. Arrays and open files are copied into a temporary folder, which
    ``close`` removes, so that all recordings are read in the same way."""

    def __init__(self, sample_rate: int = SAMPLE_RATE_HZ) -> None:
        """sample_rate: of arrays, in Hz. Raises UsageError for one that is not positive."""
        if sample_rate < 1:
            raise UsageError(f"a sample rate of {sample_rate}", "use the array's, like 16000")
        self.sample_rate = sample_rate
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0

    def path(self, recording: Recording) -> tuple[Path | str, str]:
        """The path of a recording and its name for messages, empty where that is the path. Raises
        AudioError for unusable samples, UsageError for anything else than a recording."""
        if isinstance(recording, str | os.PathLike):
            return os.fspath(recording), ""
        if isinstance(recording, np.ndarray | Tensor):
            samples = (
                recording.detach().cpu().numpy() if isinstance(recording, Tensor) else recording
            )
            path = self._new("array", ".wav")
            soundfile.write(path, _checked(samples), self.sample_rate, "FLOAT")
            return path, path.stem
        if not isinstance(recording, Readable):
            raise UsageError(
                f"a recording of type {type(recording).__name__}",
                "give a path, a file opened in binary mode, or an array of samples",
            )
        name = getattr(recording, "name", "")
        path = self._new("file", Path(name).suffix if isinstance(name, str) else "")
        with path.open("wb") as copy:
            try:
                shutil.copyfileobj(recording, copy)
            except TypeError:
                raise UsageError("a file opened as text", "open it with 'rb'") from None
        return path, name if isinstance(name, str) and name else path.stem

    def _new(self, kind: str, suffix: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="attnasr-")
        self._count += 1
        return Path(self._folder.name) / f"{kind} {self._count}{suffix}"

    def close(self) -> None:
        """Remove the copies."""
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _checked(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(N,) or (N, channels), float32. Raises AudioError."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > samples.shape[0]):
        raise AudioError(
            f"an array of shape {samples.shape}", "give samples as (N,) or (N, channels)"
        )
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / 32768
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            f"samples of type {samples.dtype}", "give floats between −1 and 1, or int16"
        )
    return samples.astype(np.float32)
