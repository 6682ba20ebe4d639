"""Augmentation by codecs: the telephone (G.711), MP3 and Opus at low bit rates."""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ

Samples = npt.NDArray[np.float32]
MU = 255.0  # of G.711's law
CODECS = {"mp3": ("libmp3lame", "mp3"), "opus": ("libopus", "ogg")}
"""kind → encoder and container"""


def through_telephone(speech: Samples) -> Samples:
    """(N,) at 16 kHz → (N,): 8 kHz and back, in between the 8 bits of G.711's µ-law."""
    narrow = _resized(speech, -(-len(speech) // 2))
    peak = max(float(np.abs(narrow).max(initial=0)), 1e-6)
    scaled = narrow / max(peak, 1.0)
    folded = np.sign(scaled) * np.log1p(MU * np.abs(scaled)) / np.log1p(MU)
    folded = np.rint(folded * 127) / 127
    line = np.sign(folded) * np.expm1(np.abs(folded) * np.log1p(MU)) / MU
    return _resized(line, len(speech))


def _resized(samples: npt.NDArray[np.floating], length: int) -> Samples:
    """(N,) → (length,) over the same time, by cutting or filling up the spectrum."""
    spectrum = np.fft.rfft(samples)
    bins = length // 2 + 1
    spectrum = np.pad(spectrum[:bins], (0, max(bins - len(spectrum), 0)))
    return (np.fft.irfft(spectrum, length) * (length / len(samples))).astype(np.float32)


def through_codec(speech: Samples, kind: str, bits_per_s: int) -> Samples:
    """(N,) → (N,) after encoding and decoding; kind: mp3 or opus. The codec's delay stays."""
    file = io.BytesIO()
    encoder, container = CODECS[kind]
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = bits_per_s
        plane = np.clip(np.rint(speech * 32767), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(plane[None], "s16", "mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        resampler = av.AudioResampler(stream.format, "mono", SAMPLE_RATE_HZ, stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    file.seek(0)
    resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE_HZ)
    with av.open(file) as source:
        parts = [
            part.to_ndarray().reshape(-1)
            for decoded in [*source.decode(audio=0), None]
            for part in resampler.resample(decoded)
        ]
    heard = np.concatenate(parts)[: len(speech)]
    return np.pad(heard, (0, len(speech) - len(heard))).astype(np.float32)
