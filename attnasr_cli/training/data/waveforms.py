"""Features computed anew at every draw, from waveforms kept in one flat file.

Augmentation of the audio itself (``distort.py``) gives other features each time, which a cache of
features cannot hold. Decoded samples in a memory map cost nothing to read; log-mel and distortions
of an utterance take a twentieth of its share of a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.training.augment.distort import Distortion
from attnasr_cli.training.data.cache import Loader, Rows, load_utterance, open_rows
from attnasr_cli.training.data.corpus import Corpus, change_speed, check_problems, rate_for
from attnasr_cli.training.formats.utterance import Utterance


@dataclass(frozen=True)
class DistortedFeatures:
    """Features of a list of utterances at one speed, distorted by chance."""

    waveforms: Rows
    """samples in 16 bits"""
    speed: float
    features: FeatureConfig
    distortion: Distortion

    def lengths(self) -> np.ndarray:
        """(utterances,) frames"""
        samples = -(-self.waveforms.lengths() * SAMPLE_RATE_HZ // rate_for(self.speed))
        return np.where(samples > 0, samples // HOP + 1, 0)

    def get(self, index: int, draw: np.random.Generator) -> Tensor:
        """(T, F) float32"""
        samples = torch.from_numpy(self.waveforms.get(index) / 32768)
        samples = change_speed(samples, self.speed)
        extractor = family_of_style(self.features.style).features(self.features)
        return extractor.extract(self.distortion(samples, draw))


def open_distorted_corpus(
    folder: Path,
    utterances: list[Utterance],
    features: FeatureConfig,
    speeds: Sequence[float],
    longest_s: float,
    distortion: Distortion,
    loader: Loader = load_utterance,
) -> Corpus:
    """As ``open_corpus``, with features that are distorted anew at each draw."""

    def compute(utterance: Utterance) -> np.ndarray:
        samples = np.rint(loader(utterance, longest_s).numpy() * 32768)
        clipped: np.ndarray = np.clip(samples, -32768, 32767)
        return clipped

    about = f"waveforms up to {longest_s}"
    waveforms = open_rows(folder, utterances, about, np.int16, (), compute, "waveforms")
    check_problems(utterances, waveforms.problems)
    views = [DistortedFeatures(waveforms, speed, features, distortion) for speed in speeds]
    return Corpus(utterances, views, tuple(speeds), waveforms.problems)
