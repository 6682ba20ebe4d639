"""Readers of recordings at their own rate: libsndfile first, FFmpeg's libraries for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from attnasr_cli.errors import AudioError

Block = npt.NDArray[np.float32]
"""(N, channels)"""

SALVAGE_HINT = "--salvage transcribes what can still be read"
MISSING_S = 0.2
"""a file may end this much before what its header says; encoders pad and trim"""
LARGEST_GAP_S = 3_600.0
"""a longer hole between time stamps is a damaged stamp, not silence"""
STREAMED_BYTES = 0x7FFF_0000
"""sizes from here on in a WAV header mean that its writer could not go back to fill them in"""


@dataclass
class Probe:
    """What a recording says about itself."""

    duration_s: float | None
    """None where the container does not say"""
    rate_hz: int
    channels: int
    format: str
    warnings: list[str] = field(default_factory=list)


class Source(Protocol):
    """A recording that is being read."""

    probe: Probe

    def read(self, start: int) -> Iterator[Block]:
        """Blocks (N, channels) from native sample ``start`` to the end."""

    def close(self) -> None: ...


def open_source(path: Path, name: str, salvage: bool = False) -> Source:
    """Open with the first library that knows the format; errors call it ``name``.

    ``salvage``: go on over damage.
    """
    if salvage:
        return AvSource(path, name, salvage=True)
    import soundfile

    try:
        return SoundfileSource(path, name)
    except soundfile.LibsndfileError:
        return AvSource(path, name, salvage=False)


class SoundfileSource:
    """WAV, FLAC, OGG, MP3, Opus, AIFF … by libsndfile."""

    BLOCK = 16_384

    def __init__(self, path: Path, name: str) -> None:
        import soundfile

        self.name = name
        self.file: Any = soundfile.SoundFile(path)
        rate, frames = self.file.samplerate, self.file.frames
        known = 0 < frames < 2**62
        self.probe = Probe(
            frames / rate if known else None, rate, self.file.channels, str(self.file.format)
        )
        self.frames: int | None = frames if known else None

    def read(self, start: int) -> Iterator[Block]:
        import soundfile

        self._check_header()
        position = 0
        try:
            if start:
                position = self.file.seek(min(start, self.frames) if self.frames else start)
            while True:
                block: Block = self.file.read(self.BLOCK, dtype="float32", always_2d=True)
                if not len(block):
                    break
                position += len(block)
                yield block
        except soundfile.LibsndfileError:
            raise self._damaged(position) from None
        if self.frames is not None and position < self.frames - MISSING_S * self.probe.rate_hz:
            raise self._damaged(position)

    def _check_header(self) -> None:
        """A WAV that is shorter than its header says was cut off."""
        match = re.search(r"data : (\d+) \(should be (\d+)\)", self.file.extra_info)
        if match:
            said, found = int(match[1]), int(match[2])
            if found < said < STREAMED_BYTES:
                raise AudioError(
                    f"{self.name} is cut off: {found} of {said} bytes of audio are there",
                    SALVAGE_HINT,
                )

    def _damaged(self, position: int) -> AudioError:
        rate, total = self.probe.rate_hz, self.probe.duration_s
        of = f" of {total:.1f} s" if total else ""
        return AudioError(
            f"{self.name} is damaged or cut off: only {position / rate:.1f} s{of} can be read",
            SALVAGE_HINT,
        )

    def close(self) -> None:
        self.file.close()


class AvSource:
    """Everything else, video too, by FFmpeg's libraries inside PyAV (no ffmpeg program)."""

    def __init__(self, path: Path, name: str, salvage: bool) -> None:
        import av

        self.name, self.salvage = name, salvage
        try:
            self.container: Any = av.open(str(path), metadata_errors="ignore")
        except (av.FFmpegError, ValueError, EOFError) as problem:
            raise AudioError(
                f"{name} is not a recording that can be read ({_reason(problem)})",
                "wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm, mov, wma and amr are known; "
                "is the file complete?",
            ) from None
        if not self.container.streams.audio:
            self.container.close()
            raise AudioError(
                f"{name} has no audio track ({self.container.format.name})",
                "choose a recording with sound",
            )
        self.stream: Any = self.container.streams.audio[0]
        context = self.stream.codec_context
        if context is None or not context.sample_rate:
            self.container.close()
            raise AudioError(
                f"{name}: no decoder for its audio", "convert it to wav, flac, mp3 or m4a"
            )
        duration = None
        if self.stream.duration is not None:
            duration = float(self.stream.duration * self.stream.time_base)
        elif self.container.duration is not None:
            duration = self.container.duration / 1e6  # FFmpeg's clock of microseconds
        self.probe = Probe(
            duration, context.sample_rate, max(context.channels, 1), self.container.format.name
        )

    def read(self, start: int) -> Iterator[Block]:
        import av

        rate, channels = self.probe.rate_hz, self.probe.channels
        layout = self.stream.codec_context.layout
        to_float = av.AudioResampler(format="flt", layout=layout, rate=rate)
        position, errors, filled = 0, 0, 0
        origin: float = (self.container.start_time or 0) / 1e6
        packets = iter(self.container.demux(self.stream))
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                break
            except av.FFmpegError:
                errors += 1
                if errors > 100_000:  # a demuxer that fails for ever
                    break
                continue
            for frame in frames:
                gap = self._gap(frame, origin, position)
                filled += gap
                converted = [np.zeros((gap, channels), np.float32)] if gap else []
                converted += [_samples(f, channels) for f in to_float.resample(frame)]
                for block in converted:
                    yield from _after(block, position, start)
                    position += len(block)
        for last in to_float.resample(None):
            block = _samples(last, channels)
            yield from _after(block, position, start)
            position += len(block)
        self._judge(position, errors, filled)

    def _gap(self, frame: Any, origin: float, position: int) -> int:
        """Samples of silence that keep the times true where a stream starts late or has a hole."""
        if frame.pts is None or frame.time_base is None:
            return 0
        late: float = float(frame.pts * frame.time_base) - origin - position / self.probe.rate_hz
        return int(late * self.probe.rate_hz) if MISSING_S < late < LARGEST_GAP_S else 0

    def _judge(self, position: int, errors: int, filled: int) -> None:
        """Say what is missing; without ``salvage`` a damaged file is an error."""
        rate, total = self.probe.rate_hz, self.probe.duration_s
        short = total - position / rate if total else 0.0
        cut_off = total is not None and short > max(1.0, 0.02 * total)
        if not (errors or cut_off):
            return
        read = (position - filled) / rate
        text = f"{self.name} is damaged or cut off: only {read:.1f} s"
        text += f" of {total:.1f} s can be read" if total else " can be read"
        if not self.salvage:
            raise AudioError(text, SALVAGE_HINT)
        self.probe.warnings.append(text)

    def close(self) -> None:
        self.container.close()


def _samples(frame: Any, channels: int) -> Block:
    """A packed float frame → (N, channels)."""
    block: Block = frame.to_ndarray().reshape(-1, channels)
    return block


def _after(block: Block, position: int, start: int) -> Iterator[Block]:
    """The part of a block at ``position`` that is not before ``start``."""
    if position + len(block) > start:
        yield block[max(start - position, 0) :]


def _reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
