"""Everything that libsndfile cannot read, video too, by FFmpeg's libraries inside PyAV (there is no
ffmpeg program). They see bytes, never a name or an address, and may open nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
MOST_ERRORS = 10_000
"""errors in a row after which reading is given up"""
LARGEST_GAP_S = 3_600.0
"""a longer hole between time stamps is a damaged stamp, not silence"""
EARLIER_S = 0.5
"""a time stamp that is earlier by this much means that the clock was reset"""
COUNTED = ("ape", "tak", "tta", "wv")
"""formats whose header has the number of samples; all other durations may be estimates"""
LEAST_BYTES_S = 50
"""no codec needs fewer bytes for a second of speech (AMR: 600, Codec 2: 90)"""
STAMPED = ("asf", "avi", "flv", "matroska", "mov", "mpeg", "mpegts", "mxf", "nut", "ogg", "rm")
"""formats whose packets carry times; elsewhere FFmpeg makes them up from the first rate it sees"""
CAPTURED = ("aac", "ac3", "amr", "dts", "eac3", "mp3", "mpeg", "mpegts")
"""formats without a length, whose captures may begin and end in the middle of a frame"""
PLAYLISTS = ("hls", "concat", "dash", "sdp", "rtsp")
DTYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
KNOWN = "wav, flac, mp3, ogg, opus, m4a, mp4, mkv, webm, mov, wma and amr are known"


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
        self.captured = kind in CAPTURED
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
        longest = float("inf") if kind in COUNTED else self._file.size / LEAST_BYTES_S
        if duration is not None and duration > longest:
            duration = None  # a header that lies
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
        self.elapsed_s, self.filled_s = 0.0, 0.0
        self.errors = 0
        """packets that could not be decoded"""
        self.edges = 0
        """packets of a capture before its first and after its last whole frame"""
        pending: list[npt.NDArray[Any]] = []  # decoded frames of one format
        held, now = 0, _Format(0, 0, "", False)
        for frame in self._frames():
            found = _format(frame)
            if pending and (found != now or held >= BLOCK):
                yield now.block(pending)
                pending, held = [], 0
            if found != now:
                check_format(self.name, found.rate_hz, found.channels)
                now = found
            gap = self._gap(frame, now.rate_hz) if self.stamped else 0
            if gap and pending:
                yield now.block(pending)
                pending, held = [], 0
            while gap:
                part = min(gap, BLOCK)
                yield Block(np.zeros((part, now.channels), np.float32), now.rate_hz)
                gap -= part
            pending.append(now.raw(frame))
            held += frame.samples
            self.elapsed_s += frame.samples / now.rate_hz
        if pending:
            yield now.block(pending)
        self._judge()

    def _frames(self) -> Iterator[Any]:
        """Decoded frames; what cannot be decoded is counted."""
        import av

        origin: float = (self.container.start_time or 0) / 1e6
        self.zero_s = origin
        packets = iter(self.container.demux(self.stream))
        errors, begun = 0, False  # errors since the last frame
        while errors < MOST_ERRORS:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, IndexError):  # IndexError: a stream that begins in the middle
                packets = iter(self.container.demux(self.stream))  # the old one is at its end
                errors += 1
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                errors += 1
                continue
            if frames:
                if begun or not self.captured:
                    self.errors += errors
                else:
                    self.edges += errors
                errors, begun = 0, True
            yield from frames
        if begun and (self.captured or self.part.warnings):  # its last bytes may be missing
            self.edges += errors
        else:
            self.errors += errors

    def _gap(self, frame: Any, rate_hz: int) -> int:
        """Samples of silence that keep the times true where a stream starts late or has a hole."""
        if frame.pts is None or frame.time_base is None:
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
        """Warn about missing audio; without ``salvage`` raise AudioError for a damaged file."""
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
        elif self.part.cut or self.edges:
            text = "begins or ends in the middle of a frame: something may be missing there"
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


class _Format(NamedTuple):
    """The sample format of decoded frames."""

    rate_hz: int
    channels: int
    name: str
    planar: bool

    def raw(self, frame: Any) -> npt.NDArray[Any]:
        """A frame, planar (channels, N) or packed (1, N · channels), without a copy if it is one
        plane: an MP3 of an hour has 100,000 frames."""
        if self.planar and self.channels > 1:
            planes: npt.NDArray[Any] = frame.to_ndarray()
            return planes
        count = frame.samples * self.channels
        kind = DTYPES[self.name.removesuffix("p")]
        return np.frombuffer(frame.planes[0], kind, count)[None]

    def block(self, frames: list[npt.NDArray[Any]]) -> Block:
        """What ``raw`` gave → (N, channels), full scale at 1."""
        raw = np.concatenate(frames, 1) if len(frames) > 1 else frames[0]
        shaped = raw.T if self.planar else raw.reshape(-1, self.channels)
        samples: npt.NDArray[np.float32] = shaped.astype(np.float32, copy=False)
        if shaped.dtype == np.uint8:
            samples = (samples - np.float32(128)) / np.float32(128)
        elif shaped.dtype.kind == "i":
            samples = samples * np.float32(2.0 ** (1 - 8 * shaped.dtype.itemsize))
        return Block(samples, self.rate_hz)


def _format(frame: Any) -> _Format:
    kind = frame.format
    return _Format(frame.sample_rate, frame.layout.nb_channels, kind.name, kind.is_planar)


def _reason(problem: Exception) -> str:
    return getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
