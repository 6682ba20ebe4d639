"""Recordings in, mono 16 kHz float32 samples out: whole, or block by block with flat memory."""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.resample import StreamResampler, left_context, phase
from attnasr_cli.audio.sources import Block, Probe, Source, open_source
from attnasr_cli.errors import AudioError

STDIN = "-"
SHORTEST = 400  # samples: one window of 25 ms at 16 kHz


def load(
    path: str | Path,
    start_s: float | None = None,
    end_s: float | None = None,
    channel: int | None = None,
    salvage: bool = False,
) -> Tensor:
    """A recording (or ``-`` for stdin) → mono samples (N,) at 16 kHz, float32.

    ``channel`` picks one, from 1; without it all are averaged. ``salvage`` reads over damage.
    Raises AudioError for everything that is not at least 25 ms of finite samples.
    """
    with Recording(path, start_s, end_s, channel, salvage) as recording:
        return torch.cat(list(recording.blocks()))


def blocks(
    path: str | Path,
    block_s: float = 30.0,
    start_s: float | None = None,
    end_s: float | None = None,
    channel: int | None = None,
    salvage: bool = False,
) -> Iterator[Tensor]:
    """The same samples as ``load`` in blocks (N,) of about ``block_s`` seconds."""
    with Recording(path, start_s, end_s, channel, salvage) as recording:
        yield from recording.blocks(block_s)


def probe(path: str | Path) -> Probe:
    """Duration, rate and channels of a recording, from its header."""
    source = _open(Path(path), salvage=False)
    source.close()
    return source.probe


@contextmanager
def on_disk(path: str | Path) -> Iterator[Path]:
    """The path itself, or for ``-`` a temporary copy of stdin: formats may have to seek in it."""
    if str(path) != STDIN:
        yield Path(path)
        return
    with tempfile.NamedTemporaryFile(prefix="attnasr-stdin-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        if copy.tell() == 0:
            raise AudioError("stdin is empty", "pipe a recording in: … | attnasr transcribe -")
        yield Path(copy.name)


class Recording:
    """One recording that is being read; ``probe.warnings`` is complete when the blocks are out."""

    def __init__(
        self,
        path: str | Path,
        start_s: float | None = None,
        end_s: float | None = None,
        channel: int | None = None,
        salvage: bool = False,
        name: str = "",
    ) -> None:
        """``name``: what errors call it; by default the path."""
        self.name = name or ("stdin" if str(path) == STDIN else str(path))
        if start_s is not None and end_s is not None and end_s <= start_s:
            raise AudioError(
                f"the end, {end_s} s, is not after the start, {start_s} s", "choose a later end"
            )
        self._copy = on_disk(path)
        self.path = self._copy.__enter__()
        try:
            self.source = _open(self.path, salvage, self.name)
        except BaseException:
            self._copy.__exit__(None, None, None)
            raise
        self.probe = self.source.probe
        self.start_s, self.end_s = start_s or 0.0, end_s
        self.channel = channel
        if channel is not None and not 1 <= channel <= self.probe.channels:
            self.close()
            raise AudioError(
                f"{self.name} has no channel {channel}", f"it has {self.probe.channels}"
            )

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self.source.close()
        self._copy.__exit__(None, None, None)

    def blocks(self, block_s: float = 30.0) -> Iterator[Tensor]:
        """Mono 16 kHz blocks (N,) of about ``block_s`` seconds; the last one may be shorter."""
        size = max(int(block_s * SAMPLE_RATE_HZ), 1)
        waiting: list[Tensor] = []
        held = total = 0
        for samples in self._resampled():
            total += samples.shape[0]
            waiting.append(samples)
            held += samples.shape[0]
            if held >= size:
                joined = torch.cat(waiting)
                whole = held // size * size
                yield from torch.split(joined[:whole], size)
                waiting, held = [joined[whole:].clone()], held - whole
        if held:
            yield torch.cat(waiting)
        self._check_length(total)

    def _resampled(self) -> Iterator[Tensor]:
        """16 kHz samples between start and end, in pieces of any size."""
        rate = self.probe.rate_hz
        skip = round(self.start_s * SAMPLE_RATE_HZ)  # 16 kHz samples before the start
        left = math.inf if self.end_s is None else round(self.end_s * SAMPLE_RATE_HZ) - skip
        stream, q = StreamResampler(rate), phase(rate)
        first = max(skip * q // stream.p // q * q - left_context(rate), 0)
        skip -= first // q * stream.p
        native = self.source.read(first)
        try:
            for samples in self._pieces(native, stream, first):
                piece = samples[skip:] if skip else samples
                skip = max(skip - samples.shape[0], 0)
                if piece.shape[0] > left:
                    piece = piece[: int(left)]
                left -= piece.shape[0]
                if piece.shape[0]:
                    yield piece
                if left <= 0:
                    return
        finally:
            close = getattr(native, "close", None)
            if close:
                close()

    def _pieces(
        self, native: Iterator[Block], stream: StreamResampler, first: int
    ) -> Iterator[Tensor]:
        position = first
        for block in native:
            mono = self._mono(block, position)
            position += len(block)
            yield stream.push(torch.from_numpy(mono))
        yield stream.finish()

    def _mono(self, block: Block, position: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """(N, channels) → (N,), checked."""
        if self.channel is not None:
            mono = np.ascontiguousarray(block[:, self.channel - 1])
        elif block.shape[1] == 1:
            mono = np.ascontiguousarray(block[:, 0])
        else:
            mono = block.mean(1, dtype=np.float32)
        finite = np.isfinite(mono)
        if not finite.all():
            where = (position + int(np.argmin(finite))) / self.probe.rate_hz
            raise AudioError(
                f"{self.name} holds NaN or infinite samples at {where:.2f} s",
                "write the file again from its source",
            )
        return mono

    def _check_length(self, total: int) -> None:
        if total >= SHORTEST:
            return
        if self.start_s and total == 0:
            raise AudioError(
                f"{self.name} ends before the start at {self.start_s} s", "choose an earlier start"
            )
        amount = "no samples" if total == 0 else f"only {1000 * total / SAMPLE_RATE_HZ:.1f} ms"
        raise AudioError(f"{self.name} holds {amount} of audio", "was the recording interrupted?")


def _open(path: Path, salvage: bool, name: str | None = None) -> Source:
    """Open a recording; every reason why not is an AudioError that names it."""
    name = name or str(path)
    try:
        status = path.stat()
        if path.is_dir():
            raise AudioError(f"{name} is a folder, not a recording", "name a file in it")
        if not path.is_file():
            raise AudioError(f"{name} is not a regular file", "pipe it in with -")
        if status.st_size == 0:
            raise AudioError(f"{name} is empty", "was the recording or the copy interrupted?")
        if not os.access(path, os.R_OK):
            raise PermissionError(13, "Permission denied", name)
        return open_source(path, name, salvage)
    except FileNotFoundError:
        if path.is_symlink():
            raise AudioError(
                f"{name} is a link to nothing", f"{os.readlink(path)} is not there"
            ) from None
        near = _near(path)
        raise AudioError(
            f"no file {name}", f"did you mean {near}?" if near else "check the path"
        ) from None
    except PermissionError:
        raise AudioError(f"{name} may not be read", "check its access rights") from None
    except OSError as problem:
        raise AudioError(f"{name} cannot be read: {problem.strerror or problem}") from None


def _near(path: Path) -> str | None:
    """The name in the same folder that is most like a missing one."""
    import difflib

    try:
        names = os.listdir(path.parent)
    except OSError:
        return None
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return str(path.parent / close[0]) if close else None
