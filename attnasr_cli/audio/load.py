"""Reads recordings as mono float32 samples at 16 kHz: whole, or block by block in constant
memory."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli import remote
from attnasr_cli.audio import tar
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.sources.open import open_source
from attnasr_cli.audio.sources.types import Probe, Source
from attnasr_cli.audio.stretch import Stretch
from attnasr_cli.data import STDIN, stdin
from attnasr_cli.errors import AudioError
from attnasr_cli.files import display_name

SHORTEST = 400  # samples: one window of 25 ms at 16 kHz
Track = int | str


def load(
    path: str | Path,
    start_s: float | None = None,
    end_s: float | None = None,
    channel: int | None = None,
    salvage: bool = False,
    track: Track | None = None,
) -> Tensor:
    """A recording (or ``-`` for stdin) → mono samples (N,) at 16 kHz, float32.

    ``channel`` picks one, from 1; without it all are averaged. ``salvage`` reads over damage.
    ``track``: which sound track of a film, a number from 1 or a language.
    Raises AudioError for everything that is not at least 25 ms of finite samples.
    """
    with Recording(path, start_s, end_s, channel, salvage, track=track) as recording:
        return torch.cat(list(recording.blocks()))


def probe(path: str | Path, track: Track | None = None) -> Probe:
    """Rate, channels, tracks and perhaps the length of a recording, without decoding it."""
    elsewhere = remote.is_url(path) or tar.find(path) is not None
    copy = on_disk(path) if elsewhere else nullcontext(Path(path))
    with copy as local:
        source = open_recording(local, name=display_name(path), track=track, headers_only=True)
        source.close()
        return source.probe


@contextmanager
def on_disk(path: str | Path) -> Iterator[Path]:
    """The path itself, or a temporary copy of stdin (``-``), of what is at an address, or in a tar:
    formats may have to seek in it."""
    if remote.is_url(path):
        url = str(path)
        suffix = Path(remote.name_of(url)).suffix[:16]
        with tempfile.NamedTemporaryFile(prefix="attnasr-", suffix=suffix) as copy:
            remote.fetch(url, copy)
            copy.flush()
            yield Path(copy.name)
        return
    member = tar.find(path)
    if member is not None:
        suffix = Path(member.name).suffix[:16]
        with tempfile.NamedTemporaryFile(prefix="attnasr-", suffix=suffix) as copy:
            tar.copy(member, copy)
            copy.flush()
            yield Path(copy.name)
        return
    if str(path) != STDIN:
        yield Path(path)
        return
    with tempfile.NamedTemporaryFile(prefix="attnasr-stdin-") as copy:
        shutil.copyfileobj(stdin(), copy)
        copy.flush()
        if copy.tell() == 0:
            raise AudioError("stdin is empty", "pipe a recording in: … | attnasr transcribe -")
        yield Path(copy.name)


class Recording:
    """An open recording; ``probe.warnings`` is complete once all blocks have been read."""

    def __init__(
        self,
        path: str | Path,
        start_s: float | None = None,
        end_s: float | None = None,
        channel: int | None = None,
        salvage: bool = False,
        name: str = "",
        track: Track | None = None,
    ) -> None:
        """``name``: name in errors, by default the path."""
        self.name = name or ("stdin" if str(path) == STDIN else display_name(path))
        if start_s is not None and end_s is not None and end_s <= start_s:
            raise AudioError(
                f"the end, {end_s} s, is not after the start, {start_s} s", "choose a later end"
            )
        self._copy = on_disk(path)
        self.path = self._copy.__enter__()
        try:
            self.source = open_recording(self.path, salvage, self.name, track)
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
        skip = round(self.start_s * SAMPLE_RATE_HZ)  # 16 kHz samples before the start
        left = math.inf if self.end_s is None else round(self.end_s * SAMPLE_RATE_HZ) - skip
        for samples in self._from(skip):
            piece = samples if samples.shape[0] <= left else samples[: int(left)]
            left -= piece.shape[0]
            if piece.shape[0]:
                yield piece
            if left <= 0:
                return

    def _from(self, skip: int) -> Iterator[Tensor]:
        """16 kHz samples from number ``skip`` on, over all changes of rate and channels."""
        stretch = Stretch(self.name, self.probe.rate_hz, skip, self.channel)
        stretch.position = self.source.skip(stretch.first)
        cancelled_s = 0.0
        try:
            for block in self.source.read():
                if block.rate_hz != stretch.rate_hz:
                    yield stretch.finish()
                    cancelled_s += stretch.cancelled_s
                    stretch = stretch.following(block.rate_hz)
                yield stretch.push(block.samples)
            yield stretch.finish()
        finally:
            cancelled_s += stretch.cancelled_s
            if cancelled_s:
                self.probe.warnings.append(
                    f"{self.name}: channels in opposite phase cancel each other for "
                    f"{cancelled_s:.1f} s: the louder one was taken there"
                )

    def _check_length(self, total: int) -> None:
        if total >= SHORTEST:
            return
        if self.start_s and total == 0:
            raise AudioError(
                f"{self.name} ends before the start at {self.start_s} s", "choose an earlier start"
            )
        amount = "no samples" if total == 0 else f"only {1000 * total / SAMPLE_RATE_HZ:.1f} ms"
        raise AudioError(f"{self.name} holds {amount} of audio", "was the recording interrupted?")


def open_recording(
    path: Path,
    salvage: bool = False,
    name: str | None = None,
    track: Track | None = None,
    headers_only: bool = False,
) -> Source:
    """Open a recording. Raises AudioError, naming it, whatever goes wrong."""
    name = name or display_name(path)
    try:
        status = path.stat()
        if path.is_dir():
            os.scandir(path).close()  # raises where it may not be read, which is why it was kept
            raise AudioError(f"{name} is a folder, not a recording", "name a file in it")
        if not path.is_file():
            raise AudioError(f"{name} is not a regular file", "pipe it in with -")
        if status.st_size == 0:
            raise AudioError(f"{name} is empty", "was the recording or the copy interrupted?")
        if not os.access(path, os.R_OK):
            raise PermissionError(13, "Permission denied", name)
        return open_source(path, name, salvage, track, headers_only)
    except FileNotFoundError:
        raise _not_there(path, name) from None
    except PermissionError:
        raise AudioError(f"{name} may not be read", "check its access rights") from None
    except OSError as problem:
        raise AudioError(
            f"{name} cannot be read: {problem.strerror or problem}", "check the name and the disk"
        ) from None
    except ValueError as problem:  # a name with a byte of zero
        raise AudioError(f"{name} cannot be read: {problem}", "check the name") from None


def _not_there(path: Path, name: str) -> AudioError:
    import difflib

    if path.is_symlink():
        target = display_name(os.readlink(path))
        return AudioError(f"{name} is a link to nothing", f"{target} is not there any more")
    try:
        names = [near for near in os.listdir(path.parent) if near != path.name]
    except OSError:
        names = []
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    if not close:
        return AudioError(f"no file {name}", "check the path")
    return AudioError(f"no file {name}", f"did you mean {display_name(path.parent / close[0])}?")
