"""Everything that libsndfile cannot read, video too, by FFmpeg's libraries inside PyAV (there is no
ffmpeg program). They see bytes, never a name or an address, and may open nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from attnasr_cli.audio.containers.view import Part, PartFile
from attnasr_cli.audio.sources.types import (
    MISSING_S,
    SALVAGE_HINT,
    Block,
    Probe,
    Track,
    check_format,
    choose_track,
)
from attnasr_cli.errors import AudioError

BLOCK = 16_384
BUFFER_BYTES = 1 << 18
MOST_ERRORS = 100_000
"""after so many a demuxer fails for ever"""
LARGEST_GAP_S = 3_600.0
"""a longer hole between time stamps is a damaged stamp, not silence"""
EARLIER_S = 0.5
"""a time stamp this much before its place means that the clock began anew"""
COUNTED = ("ape", "tak", "tta", "wv")
"""formats whose header has the number of samples; all other durations may be estimates"""
STAMPED = ("asf", "avi", "flv", "matroska", "mov", "mpeg", "mpegts", "mxf", "nut", "ogg", "rm")
"""formats whose packets carry times; elsewhere FFmpeg makes them up from the first rate it sees"""
PLAYLISTS = ("hls", "concat", "dash", "sdp", "rtsp")
KNOWN = "wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm, mov, wma and amr are known"
Samples = npt.NDArray[np.float32]


class FfmpegSource:
    """One part of a file, one of its sound tracks."""

    def __init__(
        self, path: Path, part: Part, name: str, salvage: bool, track: int | str | None
    ) -> None:
        import av

        self.name, self.part, self.salvage = name, part, salvage
        self._file = PartFile(path, part)
        try:
            self.container: Any = av.open(
                self._file,
                metadata_errors="ignore",
                buffer_size=BUFFER_BYTES,
                options={"protocol_whitelist": "none"},
            )
        except (av.FFmpegError, ValueError, EOFError) as problem:
            self._file.close()
            raise AudioError(
                f"{name} is not a recording that can be read ({_reason(problem)})",
                f"{KNOWN}; is the file complete?",
            ) from None
        try:
            self._choose(track)
        except BaseException:
            self.close()
            raise

    def _choose(self, wanted: int | str | None) -> None:
        name, streams = self.name, self.container.streams.audio
        kind = str(self.container.format.name)
        self.stamped = kind.partition(",")[0] in STAMPED
        if kind in PLAYLISTS:
            raise AudioError(f"{name} is a list of recordings, not one", "name what is in it")
        if not streams:
            raise AudioError(f"{name} has no audio track ({kind})", "choose a recording with sound")
        tracks = [_track(number, stream) for number, stream in enumerate(streams, 1)]
        chosen = choose_track(tracks, wanted, name)
        if wanted is None:
            chosen = next((t for t in tracks if _is_default(streams[t.number - 1])), chosen)
        self.stream: Any = streams[chosen.number - 1]
        context = self.stream.codec_context
        if context is None or not context.sample_rate:
            raise AudioError(
                f"{name}: no decoder for its audio", "convert it to wav, flac, mp3 or m4a"
            )
        check_format(name, context.sample_rate, max(context.channels, 1))
        duration = None
        if self.stream.duration is not None:
            duration = float(self.stream.duration * self.stream.time_base)
        elif self.container.duration is not None:
            duration = self.container.duration / 1e6  # FFmpeg's clock of microseconds
        self.probe = Probe(
            duration, context.sample_rate, max(context.channels, 1), kind, [], tracks, chosen.number
        )
        if len(tracks) > 1 and wanted is None:
            listed = "; ".join(map(str, tracks))
            self.probe.warnings.append(
                f"{name} has {len(tracks)} sound tracks ({listed}): "
                f"{chosen.number} is read, --audio-track chooses"
            )

    def skip(self, samples: int) -> int:
        """Nothing: time stamps are too coarse to begin at a sample."""
        return 0

    def read(self) -> Iterator[Block]:
        self.errors, self.elapsed_s, self.filled_s = 0, 0.0, 0.0
        pending: list[Samples] = []
        held, now = 0, (0, 0)  # samples pending, and their rate and channels
        for frame in self._frames():
            samples = _samples(frame)
            found = (int(frame.sample_rate), samples.shape[1])
            if pending and (found != now or held >= BLOCK):
                yield Block(np.concatenate(pending), now[0])
                pending, held = [], 0
            if found != now:
                check_format(self.name, *found)
                now = found
            gap = self._gap(frame, now[0])
            while gap:
                part = min(gap, BLOCK)
                yield from [Block(np.concatenate(pending), now[0])] if pending else []
                pending, held = [], 0
                yield Block(np.zeros((part, now[1]), np.float32), now[0])
                gap -= part
            pending.append(samples)
            held += len(samples)
            self.elapsed_s += len(samples) / now[0]
        if pending:
            yield Block(np.concatenate(pending), now[0])
        self._judge()

    def _frames(self) -> Iterator[Any]:
        """Decoded frames; what cannot be decoded is counted."""
        import av

        origin: float = (self.container.start_time or 0) / 1e6
        self.zero_s = origin
        packets = iter(self.container.demux(self.stream))
        while True:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except av.FFmpegError:
                self.errors += 1
                if self.errors > MOST_ERRORS:
                    return
                continue
            yield from frames

    def _gap(self, frame: Any, rate_hz: int) -> int:
        """Samples of silence that keep the times true where a stream starts late or has a hole."""
        if not self.stamped or frame.pts is None or frame.time_base is None:
            return 0
        stamp_s = float(frame.pts * frame.time_base)
        late_s = stamp_s - self.zero_s - self.elapsed_s
        if late_s < -EARLIER_S or late_s >= LARGEST_GAP_S:
            self.zero_s = stamp_s - self.elapsed_s
            return 0
        if late_s <= MISSING_S:
            return 0
        gap = int(late_s * rate_hz)
        self.elapsed_s += gap / rate_hz
        self.filled_s += gap / rate_hz
        return gap

    def _judge(self) -> None:
        """Say what is missing; without ``salvage`` a damaged file is an error."""
        total = self.part.promised_s
        if total is None and self.container.format.name in COUNTED:
            total = self.probe.duration_s
        short = total is not None and total - self.elapsed_s > max(1.0, 0.02 * total)
        lost = short and (self.part.cut or self.part.kind != "mpeg")
        read_s = self.elapsed_s - self.filled_s
        if self.errors or lost:
            text = f"{self.name} is damaged or cut off: only {read_s:.1f} s"
            text += f" of {total:.1f} s can be read" if short else " can be read"
            if not self.salvage:
                raise AudioError(text, SALVAGE_HINT)
            self.probe.warnings.append(text)
        elif short:
            text = f"its header promises {total:.1f} s, {read_s:.1f} s are there"
            self.probe.warnings.append(f"{self.name}: {text}")
        elif self.part.cut:
            text = "ends in the middle of a frame: something may be missing there"
            self.probe.warnings.append(f"{self.name} {text}")

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.container.close()
        self._file.close()


def _track(number: int, stream: Any) -> Track:
    context, metadata = stream.codec_context, stream.metadata
    language = str(metadata.get("language") or "")
    return Track(
        number,
        "" if language == "und" else language,
        context.name if context else "unknown",
        int(context.sample_rate or 0) if context else 0,
        int(context.channels or 0) if context else 0,
        str(metadata.get("title") or ""),
    )


def _is_default(stream: Any) -> bool:
    import av

    return bool(stream.disposition & av.stream.Disposition.default)


def _samples(frame: Any) -> Samples:
    """A decoded frame of any format → (N, channels), full scale at 1."""
    raw: npt.NDArray[Any] = frame.to_ndarray()  # planar (channels, N), packed (1, N · channels)
    shaped = raw.T if frame.format.is_planar else raw.reshape(-1, frame.layout.nb_channels)
    samples: Samples = shaped.astype(np.float32, copy=False)
    if shaped.dtype == np.uint8:
        samples = (samples - np.float32(128)) / np.float32(128)
    elif shaped.dtype.kind == "i":
        samples = samples * np.float32(2.0 ** (1 - 8 * shaped.dtype.itemsize))
    return samples


def _reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
