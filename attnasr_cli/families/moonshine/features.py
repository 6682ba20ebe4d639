"""Moonshine's features: the samples themselves, in frames of 10 ms."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.audio.frames import HOP, pad
from attnasr_cli.families.moonshine.net import LEAST

LEAST_FRAMES = -(-LEAST // HOP)  # 6


class SampleFrames:
    """Samples of a batch: list of (N,) → (B, T, 160) and lengths (B,)."""

    def extract(self, samples: Tensor) -> Tensor:
        """samples (N,) → (T, 160), the last frame filled up with zeros"""
        frames = max(-(-samples.shape[0] // HOP), LEAST_FRAMES)
        filled = F.pad(samples.float(), (0, frames * HOP - samples.shape[0]))
        return filled.view(frames, HOP)

    def __call__(self, segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return pad([self.extract(samples) for samples in segments])
