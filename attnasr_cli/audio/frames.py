"""The time grid of all features: sample rate, hop and window, and padding into batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SAMPLE_RATE_HZ = 16_000
"""sample rate of all audio after ``audio.load``"""
HOP = 160
"""samples from one frame to the next: 10 ms at 16 kHz"""
WINDOW = 400
"""samples of an analysis window: 25 ms at 16 kHz"""
FRAMES_PER_S = SAMPLE_RATE_HZ // HOP  # 100
FRAME_S = HOP / SAMPLE_RATE_HZ  # 0.01


def pad(features: Sequence[Tensor], frames: int = 0) -> tuple[Tensor, Tensor]:
    """list of (T, F) → (B, T, F) padded with zeros, T ≥ ``frames``; lengths (B,)."""
    lengths = torch.tensor([f.shape[0] for f in features])
    batch = torch.nn.utils.rnn.pad_sequence(list(features), batch_first=True)
    more = max(frames - batch.shape[1], 0)
    return torch.nn.functional.pad(batch, (0, 0, 0, more)), lengths
