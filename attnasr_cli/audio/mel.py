"""The mel filter bank of all log-mel features."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ


@lru_cache(maxsize=4)
def mel_filters(fft: int, bins: int) -> Tensor:
    """(fft/2 + 1, bins) triangular filters from 0 to 8 kHz, each of unit area, float32.

    The mel scale is that of Slaney's Auditory Toolbox (1998): linear to 1 kHz with 3 mel for
    200 Hz, above it 27 mel for a factor of 6.4. fft: points of the transform. Made in double
    precision: torchaudio's, in single, are off by 2e-5 in the logarithms of 128 bins, and published
    weights were trained on exact ones.
    """
    knee_hz, knee, log_step = 1000.0, 15.0, torch.log(torch.tensor(6.4, dtype=torch.double)) / 27
    top = (
        knee + torch.log(torch.tensor(SAMPLE_RATE_HZ / 2 / knee_hz, dtype=torch.double)) / log_step
    )
    mel = torch.linspace(0.0, top, bins + 2, dtype=torch.double)
    edges = torch.where(mel < knee, mel * 200 / 3, knee_hz * torch.exp((mel - knee) * log_step))
    hz = torch.linspace(0.0, SAMPLE_RATE_HZ / 2, fft // 2 + 1, dtype=torch.double)[:, None]
    rising = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp_min(0.0) * area).float()
