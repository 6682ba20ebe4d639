"""Keeps the samples of a recording for later access to its parts."""

from __future__ import annotations

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.segment import Speech

FULL = 32767.0
"""two bytes a sample: ten hours take 1.2 GB"""


class Tape:
    """A buffer of consecutive blocks of samples; parts are read in the order of time."""

    def __init__(self) -> None:
        self.blocks: list[Tensor] = []
        self.first = 0
        """the number of samples before the first block that is kept"""

    def push(self, samples: Tensor) -> None:
        """The next samples (N,), float32 at 16 kHz."""
        self.blocks.append((samples.clamp(-1.0, 1.0) * FULL).round().to(torch.int16))

    def part(self, start_s: float, end_s: float) -> Speech:
        """The samples between two moments. Blocks before the first are forgotten."""
        start = max(round(start_s * SAMPLE_RATE_HZ), self.first)
        while self.blocks and self.first + self.blocks[0].shape[0] <= start:
            self.first += self.blocks.pop(0).shape[0]
        kept, at = [torch.zeros(0)], self.first
        for block in self.blocks:
            a, b = start - at, round(end_s * SAMPLE_RATE_HZ) - at
            if b <= 0:
                break
            kept.append(block[max(a, 0) : b].float() / FULL)
            at += block.shape[0]
        return Speech(start / SAMPLE_RATE_HZ, torch.cat(kept))
