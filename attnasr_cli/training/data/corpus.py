"""Utterances with their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.audio.resample import change_speed
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.families.recipe.sections import DataConfig
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.training.data.cache import Loader, Rows, load_utterance, open_rows
from attnasr_cli.training.data.holdout import hold_out
from attnasr_cli.training.formats.read import read_data
from attnasr_cli.training.formats.utterance import Utterance


class Features(Protocol):
    """Features of a list of utterances at one speed."""

    def lengths(self) -> np.ndarray:
        """(utterances,) frames of each; 0 for those with a problem"""

    def get(self, index: int, draw: np.random.Generator) -> Tensor:
        """(T, F) float32; random choices are drawn from ``draw``"""


@dataclass(frozen=True)
class FixedFeatures:
    """Features that never change."""

    rows: Rows

    def lengths(self) -> np.ndarray:
        return self.rows.lengths()

    def get(self, index: int, draw: np.random.Generator | None = None) -> Tensor:
        return torch.from_numpy(self.rows.get(index))


@dataclass(frozen=True)
class Corpus:
    """Utterances, and for each speed their features."""

    utterances: list[Utterance]
    features: Sequence[Features]
    speeds: tuple[float, ...]
    problems: Mapping[int, str]
    """utterance → why it has no features"""
    spoken_s: np.ndarray | None = None
    """(utterances,) seconds of each without silence that features add; None where frames give the
    length"""

    def frames(self) -> list[np.ndarray]:
        """For each speed the frames (utterances,) of every utterance."""
        return [features.lengths() for features in self.features]

    def seconds(self) -> np.ndarray:
        """(utterances,) seconds at the original speed."""
        if self.spoken_s is not None:
            return self.spoken_s
        return self.features[0].lengths() * self.speeds[0] / FRAMES_PER_S


def read_corpora(
    paths: Sequence[Path], normalizer: str, weights: Sequence[float] = ()
) -> list[Utterance]:
    """The utterances of several corpora with normalised text, without those that have no text.

    weights: of each corpus. Raises UsageError where there are more or fewer of them.
    """
    if weights and len(weights) != len(paths):
        raise UsageError(
            f"data.weights has {len(weights)} numbers for {len(paths)} corpora", "one for each"
        )
    found: list[Utterance] = []
    for path, weight in zip(paths, weights or [1.0] * len(paths), strict=True):
        found += [u if weight == 1.0 else replace(u, weight=weight) for u in read_data(path)]
    if len(paths) > 1:  # ids need only differ within a corpus
        found = [replace(u, id=f"{i}/{u.id}") for i, u in enumerate(found)]
    if normalizer == "lower":
        found = [replace(u, text=" ".join(u.text.lower().split())) for u in found]
    kept = [u for u in found if u.text]
    if len(kept) < len(found):
        console.note(f"left out {len(found) - len(kept)} utterances without text")
    return kept


def read_sets(
    data: DataConfig, normalizer: str, train_paths: Sequence[Path], dev_paths: Sequence[Path]
) -> tuple[list[Utterance], list[Utterance], str]:
    """Read both sets: (training set, dev set, a sentence about what was held out, or empty)."""
    train = read_corpora(train_paths, normalizer, data.weights)
    if dev_paths:
        return train, read_corpora(dev_paths, normalizer), ""
    return hold_out(train, data.dev_share, data.dev_speakers)


def open_corpus(
    folder: Path,
    utterances: list[Utterance],
    features: FeatureConfig,
    speeds: Sequence[float],
    longest_s: float,
    loader: Loader = load_utterance,
) -> Corpus:
    """Features of all utterances at all speeds, computed where the cache lacks them.

    Utterances that cannot be read or are longer than ``longest_s`` have none, see
    ``Corpus.problems``. Raises DataError where no utterance is usable.
    """
    extractor = family_of_style(features.style).features(features)
    rows = []
    for speed in speeds:

        def compute(utterance: Utterance, speed: float = speed) -> np.ndarray:
            samples = change_speed(loader(utterance, longest_s), speed)
            return extractor.extract(samples).numpy()

        about = repr((sorted(to_table(features).items()), speed, longest_s))
        what = f"features, speed {speed:g}"
        rows.append(
            open_rows(folder, utterances, about, np.float16, (features.bins,), compute, what)
        )
    check_problems(utterances, rows[0].problems)
    views = [FixedFeatures(one) for one in rows]
    return Corpus(utterances, views, tuple(speeds), rows[0].problems)


def check_problems(utterances: Sequence[Utterance], problems: Mapping[int, str]) -> None:
    """Raise DataError where all have one."""
    if len(problems) == len(utterances):
        why = f"{utterances[0].id}: {problems[0]}" if problems else "there is none"
        raise DataError(f"none of the {len(utterances)} training recordings can be used", why)
