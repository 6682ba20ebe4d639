"""What log-mel features are normalised by: their own mean, or that of a whole corpus.

Each bin of a segment with mean 0 and deviation 1 is right for sentences. Of a short word it takes
away what tells it from others: a vowel between two pauses becomes the same step in all bins,
whichever vowel it is. There the statistics of a corpus do better, moved by what a microphone and a
distance do: the level and the tilt of the segment's loud frames. Of English digits english-small,
untrained, knows 78 % by their own mean and 89 % so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

LOUD = 0.25
"""share of the frames, the loudest, that level and tilt are measured on"""
SMOOTH = 2
"""cosines over the bins that are level and tilt"""
LIMIT = 5.0
"""deviations: other microphones have energy where a corpus of telephones has none"""


@dataclass(frozen=True)
class Statistics:
    """Of the log-mel features of a corpus."""

    mean: tuple[float, ...]
    """of each bin"""
    deviation: tuple[float, ...]
    """of each bin"""
    loud: tuple[float, ...]
    """level and tilt of the loud frames"""


class Measure:
    """Adds up the features of segments."""

    def __init__(self, bins: int) -> None:
        self.frames = self.segments = 0
        self.sum, self.squares = torch.zeros(2, bins, dtype=torch.float64)
        self.loud = torch.zeros(SMOOTH, dtype=torch.float64)

    def add(self, features: Tensor) -> None:
        """features (T, F), not normalised"""
        self.frames += features.shape[0]
        self.segments += 1
        self.sum += features.double().sum(0)
        self.squares += features.double().square().sum(0)
        self.loud += _cosines(features.shape[1]) @ _loud(features)

    def statistics(self) -> Statistics:
        """Of all that was added, at least one segment."""
        mean = self.sum / self.frames
        deviation = (self.squares / self.frames - mean.square()).clamp_min(1e-4).sqrt()
        loud = self.loud / self.segments
        rounded = [tuple(round(x, 3) for x in one.tolist()) for one in (mean, deviation, loud)]
        return Statistics(*rounded)


def by_own(features: Tensor) -> Tensor:
    """(T, F) → mean 0 and deviation 1 in each bin over the frames."""
    mean = features.mean(0, keepdim=True)
    deviation = features.std(0, correction=0, keepdim=True)
    return (features - mean) / (deviation + 1e-2)


def by_corpus(features: Tensor, corpus: Statistics) -> Tensor:
    """(T, F) → about mean 0 and deviation 1 in each bin over a corpus."""
    mean, deviation, loud = _tensors(corpus)
    smooth = _cosines(features.shape[1])  # (SMOOTH, F)
    moved = smooth.T @ (smooth @ _loud(features) - loud)
    return ((features - moved - mean) / (deviation + 1e-2)).clamp(-LIMIT, LIMIT)


def _loud(features: Tensor) -> Tensor:
    """(T, F) → mean of the loudest frames (F,)"""
    count = max(int(LOUD * features.shape[0]), 1)
    return features[features.mean(1).topk(count).indices].mean(0)


@lru_cache(maxsize=8)
def _cosines(bins: int) -> Tensor:
    """The first cosines over the bins (SMOOTH, F), each of length 1."""
    places = (torch.arange(bins) + 0.5) * math.pi / bins
    found = torch.stack([torch.cos(n * places) for n in range(SMOOTH)])
    scaled: Tensor = found / found.norm(dim=1, keepdim=True)
    return scaled


@lru_cache(maxsize=8)
def _tensors(corpus: Statistics) -> tuple[Tensor, Tensor, Tensor]:
    mean, deviation, loud = map(torch.tensor, (corpus.mean, corpus.deviation, corpus.loud))
    return mean, deviation, loud
