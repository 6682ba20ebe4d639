"""SpecAugment: stripes of frequency and of time are set to the mean (Park et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.families.recipe.sections import AugmentConfig


def spec_augment(
    features: Tensor,
    lengths: Tensor,
    config: AugmentConfig,
    generator: torch.Generator,
    centred: bool = True,
) -> Tensor:
    """features (B, T, F), lengths (B,) → (B, T, F) with stripes set to the mean of each bin.

    The mean is zero where the features are ``centred``; otherwise it is computed for each
    utterance.
    """
    B, T, F = features.shape
    keep = torch.ones(B, T, F, dtype=torch.bool)
    for b, length in enumerate(lengths.tolist()):
        for _ in range(config.frequency_masks):
            width = _draw(min(config.frequency_width, F), generator)
            start = _draw(F - width, generator)
            keep[b, :, start : start + width] = False
        budget = int(config.time_share * length)
        for _ in range(round(config.time_masks_per_s * length / FRAMES_PER_S)):
            width = min(_draw(config.time_width, generator), budget)
            start = _draw(length - width, generator)
            keep[b, start : start + width] = False
            budget -= width
    keep = keep.to(features.device)
    return features * keep if centred else torch.where(keep, features, _means(features, lengths))


def _means(features: Tensor, lengths: Tensor) -> Tensor:
    """features (B, T, F), lengths (B,) → the mean of each bin over the valid frames (B, 1, F)"""
    inside = torch.arange(features.shape[1]) < lengths[:, None]
    return (features * inside[..., None]).sum(1, keepdim=True) / lengths.clamp_min(1)[:, None, None]


def _draw(high: int, generator: torch.Generator) -> int:
    """A whole number from 0 to high."""
    return int(torch.randint(high + 1, (1,), generator=generator))
