"""Recordings made with FFmpeg's encoders inside PyAV and with libsndfile: tones, so that a test can
hear which part of a file it got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import torch

from attnasr_cli.audio.load import Recording

PICTURES_PER_S = 5
BARE = {"write_xing": "0", "id3v2_version": "0"}
"""options of an MP3 of frames alone"""


def tone(seconds: float = 2.0, rate: int = 16_000, hz: float = 440.0) -> np.ndarray:
    """A tone of amplitude 0.3 with a little noise, float32 (N,)."""
    t = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(t.size)
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.003 * noise).astype(np.float32)


@dataclass
class Sound:
    """One sound track."""

    codec: str
    seconds: float = 2.0
    rate: int = 44_100
    channels: int = 1
    hz: float = 440.0
    start_s: float = 0.0
    language: str = ""
    title: str = ""
    bit_rate: int = 0
    samples: np.ndarray | None = None
    """(N, channels) instead of the tone"""
    codec_options: dict[str, str] = field(default_factory=dict)


def film(
    path: Path,
    sounds: Sequence[Sound],
    picture_s: float = 0.0,
    picture: str = "mpeg4",
    options: dict[str, str] | None = None,
    container: str | None = None,
) -> Path:
    """Write a file with sound tracks, and pictures for ``picture_s`` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        video = None
        if picture_s:
            video = output.add_stream(picture, rate=PICTURES_PER_S)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        streams = []
        for sound in sounds:
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[sound.channels]
            stream = output.add_stream(sound.codec, rate=sound.rate, layout=layout)
            if sound.bit_rate:
                stream.bit_rate = sound.bit_rate
            stream.codec_context.options = sound.codec_options
            if sound.language:
                stream.metadata["language"] = sound.language
            if sound.title:
                stream.metadata["title"] = sound.title
            streams.append(stream)
        packets = []
        for sound, stream in zip(sounds, streams, strict=True):
            packets += _encoded(sound, stream)
        for number in range(round(picture_s * PICTURES_PER_S)):
            black = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), format="yuv420p")
            black.pts, black.time_base = number, Fraction(1, PICTURES_PER_S)
            assert video is not None
            packets += video.encode(black)
        if video is not None:
            packets += video.encode(None)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            output.mux(packet)
    return path


def _encoded(sound: Sound, stream: av.AudioStream) -> list[av.Packet]:
    samples = sound.samples
    if samples is None:
        one = tone(sound.seconds, sound.rate, sound.hz)
        samples = np.stack([one] * sound.channels, 1)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.reshape(1, -1), np.float32),
        format="flt",
        layout=stream.codec_context.layout,
    )
    frame.sample_rate, frame.pts = sound.rate, round(sound.start_s * sound.rate)
    frame.time_base = Fraction(1, sound.rate)
    context = stream.codec_context
    resampler = av.AudioResampler(context.format, context.layout, sound.rate)
    packets = []
    for part in [*resampler.resample(frame), None]:
        packets += stream.encode(part)
    return packets


def sound_file(
    path: Path, seconds: float = 2.0, rate: int = 16_000, channels: int = 1, hz: float = 440.0
) -> Path:
    """Write a tone with libsndfile, in the format of the name's ending."""
    kind = {"format": "OGG", "subtype": "OPUS"} if path.suffix == ".opus" else {}
    if path.suffix == ".oga":
        kind = {"format": "OGG", "subtype": "VORBIS"}
    samples = np.stack([tone(seconds, rate, hz)] * channels, 1)
    with soundfile.SoundFile(path, "w", rate, channels, **kind) as file:
        for start in range(0, len(samples), 4_096):  # its Vorbis encoder fails on long pieces
            file.write(samples[start : start + 4_096])
    return path


def join(path: Path, *parts: Path | bytes) -> Path:
    """Write files end to end, as ``cat`` does."""
    path.write_bytes(b"".join(p if isinstance(p, bytes) else p.read_bytes() for p in parts))
    return path


def pitch_hz(samples: torch.Tensor) -> float:
    """The loudest frequency of (N,) samples at 16 kHz."""
    spectrum = torch.fft.rfft(samples * torch.hann_window(samples.shape[0])).abs()
    return float(spectrum.argmax()) * 16_000 / samples.shape[0]


def pitches(samples: torch.Tensor, *spans: tuple[float, float]) -> list[int]:
    """The loudest frequency in each span of seconds, rounded to 20 Hz."""
    return [round(pitch_hz(samples[int(a * 16_000) : int(b * 16_000)]) / 20) * 20 for a, b in spans]


def read(path: Path, **options: Any) -> tuple[torch.Tensor, list[str]]:
    """(samples at 16 kHz, warnings)."""
    with Recording(path, **options) as recording:
        return torch.cat(list(recording.blocks())), recording.probe.warnings


def seconds(path: Path, **options: Any) -> float:
    return read(path, **options)[0].shape[0] / 16_000
