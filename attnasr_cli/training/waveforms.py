"""Features computed anew at every draw, from waveforms kept in one flat file.

Augmentation of the audio itself (``distort.py``) gives other features each time, which a cache of
features cannot hold. Decoded samples in a memory map cost nothing to read; log-mel and distortions
of an utterance take a twentieth of its share of a training step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.files import write_text
from attnasr_cli.training.corpus import (
    Corpus,
    change_speed,
    fingerprint,
    rate_for,
    report_unreadable,
)
from attnasr_cli.training.distort import Distortion
from attnasr_cli.training.manifest import Utterance


@dataclass(frozen=True)
class WaveformCache:
    """Recordings at 16 kHz in 16 bits."""

    samples: np.ndarray
    """(all samples,) int16, a memory map"""
    starts: np.ndarray
    """(utterances + 1,) first sample of each; empty ones could not be read"""

    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def get(self, index: int) -> Tensor:
        """(N,) float32"""
        part = self.samples[self.starts[index] : self.starts[index + 1]]
        return torch.from_numpy(np.array(part, dtype=np.float32) / 32768)


@dataclass(frozen=True)
class DistortedFeatures:
    """Features of a list of utterances at one speed, distorted by chance."""

    waveforms: WaveformCache
    speed: float
    features: FeatureConfig
    distortion: Distortion

    def lengths(self) -> np.ndarray:
        """(utterances,) frames"""
        samples = -(-self.waveforms.lengths() * SAMPLE_RATE_HZ // rate_for(self.speed))
        return np.where(samples > 0, samples // HOP + 1, 0)

    def get(self, index: int, draw: np.random.Generator) -> Tensor:
        """(T, F) float32"""
        samples = change_speed(self.waveforms.get(index), self.speed)
        extractor = family_of_style(self.features.style).features(self.features)
        return extractor.extract(self.distortion(samples, draw))


def open_distorted_corpus(
    folder: Path,
    utterances: list[Utterance],
    features: FeatureConfig,
    speeds: Sequence[float],
    distortion: Distortion,
    what: str,
    loader: Callable[[Path], Tensor] | None = None,
) -> Corpus:
    """As ``open_corpus``, with features that are distorted anew at each draw."""
    from attnasr_cli.audio.load import load

    bad: dict[str, AttnasrError] = {}
    waveforms = _open(folder, utterances, loader or (lambda path: load(path)), bad, what)
    report_unreadable(bad, waveforms.starts, what)
    views = [DistortedFeatures(waveforms, speed, features, distortion) for speed in speeds]
    return Corpus(utterances, views)


def _open(
    folder: Path,
    utterances: Sequence[Utterance],
    loader: Callable[[Path], Tensor],
    bad: dict[str, AttnasrError],
    what: str,
) -> WaveformCache:
    """The file of these utterances, made first where it is not there yet."""
    key = fingerprint(utterances, "waveforms")
    data, index = folder / f"{key}.s16", folder / f"{key}.json"
    if not (index.is_file() and data.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        starts, part = [0], data.with_suffix(".part")
        with part.open("wb") as file:
            for number, utterance in enumerate(utterances, 1):
                try:
                    samples = loader(utterance.path).numpy()
                except AttnasrError as problem:
                    bad[utterance.id] = problem
                    samples = np.zeros(0, np.float32)
                scaled = np.clip(np.rint(samples * 32768), -32768, 32767)
                file.write(scaled.astype(np.int16).tobytes())
                starts.append(starts[-1] + len(scaled))
                if number % 256 == 0 or number == len(utterances):
                    console.note(f"waveforms of {what}: {number} of {len(utterances)}")
        os.replace(part, data)
        write_text(index, json.dumps(starts))
    bounds = np.array(json.loads(index.read_text()), dtype=np.int64)
    mapped = np.memmap(data, np.int16, "r") if bounds[-1] else np.zeros(0, np.int16)
    return WaveformCache(mapped, bounds)
