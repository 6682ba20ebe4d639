"""The mel filter bank of all log-mel features."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ

KNEE_HZ, KNEE_MEL = 1000.0, 15.0
"""where the mel scale stops being linear"""
LOG_STEP = math.log(6.4) / 27
"""natural logarithm of the ratio of two frequencies one mel apart, above the knee"""


@lru_cache(maxsize=8)
def mel_filters(fft: int, bins: int, dtype: torch.dtype = torch.double) -> Tensor:
    """(fft/2 + 1, bins) triangular filters from 0 to 8 kHz, each of unit area, float32.

    The mel scale is that of Slaney's Auditory Toolbox (1998): linear to 1 kHz with 3 mel for
    200 Hz, above it 27 mel for a factor of 6.4. fft: points of the transform. dtype: what is
    computed in; in single precision, as torchaudio does, logarithms of features are off by 2e-5,
    and weights want what they were trained on.
    """
    top = KNEE_MEL + math.log(SAMPLE_RATE_HZ / 2 / KNEE_HZ) / LOG_STEP
    mel = torch.linspace(0.0, top, bins + 2, dtype=dtype)
    edges = mel * (KNEE_HZ / KNEE_MEL)  # Hz
    above = mel >= KNEE_MEL
    edges[above] = KNEE_HZ * torch.exp(LOG_STEP * (mel[above] - KNEE_MEL))
    hz = torch.linspace(0.0, SAMPLE_RATE_HZ / 2, fft // 2 + 1, dtype=dtype)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp_min(0.0) * area).float()
