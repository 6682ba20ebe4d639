"""Resamples to 16 kHz, all at once or block by block with the same result."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ

LARGEST_RATIO = 2_000
"""numerator and denominator of 16000 / rate; an odd rate such as 44099 Hz is replaced by one that
differs by less than 0.3 in a million (1 ms in an hour), or its filter bank would take gigabytes"""
FILTER_WIDTH = 6  # zero crossings on each side, torchaudio's default
ROLLOFF = 0.99


@lru_cache(maxsize=16)
def _ratio(rate_hz: int) -> tuple[int, int]:
    """(p, q) with 16000 / rate ≈ p / q."""
    ratio = Fraction(SAMPLE_RATE_HZ, rate_hz).limit_denominator(LARGEST_RATIO)
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=16)
def _resampler(rate_hz: int) -> Any:
    from attnasr_cli.audio._torchaudio import torchaudio

    p, q = _ratio(rate_hz)
    return torchaudio.transforms.Resample(q, p, lowpass_filter_width=FILTER_WIDTH, rolloff=ROLLOFF)


class StreamResampler:
    """Native-rate samples in, 16 kHz samples out; blocks joined equal one resampling of the whole.

    The first sample pushed is number ``first`` of the recording, a multiple of ``phase(rate)``.
    """

    def __init__(self, rate_hz: int) -> None:
        self.p, self.q = _ratio(rate_hz)
        self.rate_hz = rate_hz
        # Input samples that an output sample may look at on either side, in whole periods of q.
        reach = math.ceil(FILTER_WIDTH * self.q / (min(self.p, self.q) * ROLLOFF)) + 1
        self.context = math.ceil(reach / self.q) * self.q
        self.buffer = torch.zeros(0)
        self.done = 0  # input samples at the buffer's start that are only left context

    def push(self, samples: Tensor) -> Tensor:
        """samples (N,) → the output (N',) that is certain by now."""
        if self.p == self.q:
            return samples
        self.buffer = torch.cat([self.buffer, samples])
        ready = (self.buffer.shape[0] - self.context) // self.q * self.q
        return self._emit(ready) if ready > self.done else torch.zeros(0)

    def finish(self) -> Tensor:
        """The rest (N',) after the last sample."""
        if self.p == self.q or self.buffer.shape[0] <= self.done:
            return torch.zeros(0)
        return self._emit(self.buffer.shape[0])

    def _emit(self, ready: int) -> Tensor:
        """Output of the input samples done … ready of the buffer; keep what is still looked at."""
        with torch.inference_mode():
            output: Tensor = _resampler(self.rate_hz)(self.buffer[: ready + self.context])
        start = self.done * self.p // self.q
        end = math.ceil(ready * self.p / self.q)
        keep = max(ready - self.context, 0) // self.q * self.q
        self.buffer = self.buffer[keep:]
        self.done = ready - keep
        return output[start:end].clone()


def resample(samples: Tensor, rate_hz: int) -> Tensor:
    """samples (N,) at a rate → (N',) at 16 kHz."""
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    with torch.inference_mode():
        output: Tensor = _resampler(rate_hz)(samples)
    return output.clone()


def rate_for(speed: float) -> int:
    """The sampling rate that samples at 16 kHz are taken to have, to be played at a speed."""
    return round(SAMPLE_RATE_HZ * speed / 100) * 100


def change_speed(samples: Tensor, speed: float) -> Tensor:
    """samples (N,) → (N / speed,): tempo and pitch together, as on a tape (Ko et al. 2015)."""
    if speed == 1.0:
        return samples
    return resample(samples, rate_for(speed))


def phase(rate_hz: int) -> int:
    """Input samples after which the filters repeat: where a stream may start for equal output."""
    return _ratio(rate_hz)[1]


def left_context(rate_hz: int) -> int:
    """Input samples before a point that its output looks at, in whole periods."""
    stream = StreamResampler(rate_hz)
    return 0 if stream.p == stream.q else stream.context
