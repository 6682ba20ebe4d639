"""Features computed at every draw, from samples in shards or from the recordings.

Augmentation of the audio itself (``distort.py``) gives different features each time, which cannot
be cached. Decoded samples in a memory map are read for free; log-mel and distortions take a
twentieth of a training step. Where even samples are too large for the disk (115 MB an hour),
recordings are decoded at every draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.audio.features import FeatureConfig, shortest, with_pause
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ
from attnasr_cli.audio.resample import change_speed, rate_for
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.training.augment.distort import Distortion
from attnasr_cli.training.data.cache import Loader, Rows, load_utterance, open_rows
from attnasr_cli.training.data.corpus import Corpus, check_problems
from attnasr_cli.training.formats.utterance import Utterance


class Waveforms(Protocol):
    """Samples of a list of utterances."""

    def lengths(self) -> np.ndarray:
        """(utterances,) samples of each; 0 for those with a problem"""

    def get(self, index: int) -> Tensor:
        """(N,) float32"""


@dataclass(frozen=True)
class KeptWaveforms:
    """Samples that were decoded once and kept on disk."""

    rows: Rows
    """samples in 16 bits"""

    def lengths(self) -> np.ndarray:
        return self.rows.lengths()

    def get(self, index: int) -> Tensor:
        return torch.from_numpy(self.rows.get(index) / 32768)


@dataclass(frozen=True)
class ReadWaveforms:
    """Samples that are decoded at every access; only their number is kept."""

    sizes: Rows
    """one number each"""
    utterances: Sequence[Utterance]
    longest_s: float
    loader: Loader

    def lengths(self) -> np.ndarray:
        have = self.sizes.lengths() > 0
        return np.array([int(self.sizes.get(i)[0]) if has else 0 for i, has in enumerate(have)])

    def get(self, index: int) -> Tensor:
        return self.loader(self.utterances[index], self.longest_s)


@dataclass(frozen=True)
class DrawnFeatures:
    """Features of a list of utterances at one speed, computed at every draw."""

    waveforms: Waveforms
    samples: np.ndarray
    """(utterances,) samples of each at the original speed"""
    speed: float
    features: FeatureConfig
    distortion: Distortion | None

    def lengths(self) -> np.ndarray:
        """(utterances,) frames"""
        samples = -(-self.samples * SAMPLE_RATE_HZ // rate_for(self.speed))
        least = np.maximum(samples, shortest(self.features))
        return np.where(samples > 0, least // HOP + 1, 0)

    def get(self, index: int, draw: np.random.Generator) -> Tensor:
        """(T, F) float32"""
        samples = change_speed(self.waveforms.get(index), self.speed)
        missing = shortest(self.features) - samples.shape[0]
        if missing > 0:  # half of the pause is before it in use, and any part in recordings
            noise = None if self.distortion is None else self.distortion.pause(samples, draw)
            samples = with_pause(samples, self.features, int(draw.integers(missing + 1)), noise)
        if self.distortion is not None:
            samples = self.distortion(samples, draw)
        return family_of_style(self.features.style).features(self.features).extract(samples)


def open_drawn_corpus(
    folder: Path,
    utterances: list[Utterance],
    features: FeatureConfig,
    speeds: Sequence[float],
    longest_s: float,
    distortion: Distortion | None = None,
    keep: bool = True,
    loader: Loader = load_utterance,
) -> Corpus:
    """As ``open_corpus``, with features that are computed, and distorted, at every draw.

    keep: keep decoded samples in ``folder``; otherwise recordings are decoded at every draw, and
    only their lengths are kept.
    """
    waveforms: Waveforms
    if keep:

        def in_16_bits(utterance: Utterance) -> np.ndarray:
            samples = np.rint(loader(utterance, longest_s).numpy() * 32768)
            clipped: np.ndarray = np.clip(samples, -32768, 32767)
            return clipped

        about = f"waveforms up to {longest_s}"
        rows = open_rows(folder, utterances, about, np.int16, (), in_16_bits, "waveforms")
        waveforms = KeptWaveforms(rows)
    else:

        def size(utterance: Utterance) -> np.ndarray:
            return np.array([loader(utterance, longest_s).shape[0]])

        about = f"lengths up to {longest_s}"
        rows = open_rows(folder, utterances, about, np.int32, (), size, "lengths")
        waveforms = ReadWaveforms(rows, utterances, longest_s, loader)
    check_problems(utterances, rows.problems)
    samples = waveforms.lengths()
    views = [DrawnFeatures(waveforms, samples, speed, features, distortion) for speed in speeds]
    spoken_s = samples / SAMPLE_RATE_HZ
    return Corpus(utterances, views, tuple(speeds), rows.problems, spoken_s)
