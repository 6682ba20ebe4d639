"""Utterances with their features: what a training step or a look at the dev set needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.training.cache import Cache, open_cache
from attnasr_cli.training.manifest import Utterance, read_data

SHOWN = 5


@dataclass(frozen=True)
class Corpus:
    """Utterances, and for each speed their features."""

    utterances: list[Utterance]
    caches: list[Cache]

    def frames(self) -> list[np.ndarray]:
        """For each speed the frames (utterances,) of every utterance."""
        return [cache.lengths() for cache in self.caches]

    def seconds(self) -> np.ndarray:
        """(utterances,) at the first speed."""
        return self.caches[0].lengths() / FRAMES_PER_S


def read_corpora(paths: Sequence[Path], normalizer: str) -> list[Utterance]:
    """Utterances of several corpora; the text normalised; those without text are left out."""
    found: list[Utterance] = []
    for path in paths:
        found += read_data(path)
    if len(paths) > 1:  # ids need only differ within a corpus
        found = [replace(u, id=f"{i}/{u.id}") for i, u in enumerate(found)]
    if normalizer == "lower":
        found = [replace(u, text=" ".join(u.text.lower().split())) for u in found]
    kept = [u for u in found if u.text]
    if len(kept) < len(found):
        console.note(f"left out {len(found) - len(kept)} utterances without text")
    return kept


def open_corpus(
    folder: Path,
    utterances: list[Utterance],
    features: FeatureConfig,
    speeds: Sequence[float],
    what: str,
    loader: Callable[[Path], Tensor] | None = None,
) -> Corpus:
    """Features of all utterances at all speeds, computed where the cache lacks them.

    What cannot be read is listed and left out; raises DataError where nothing is left.
    """
    from attnasr_cli.audio.load import load

    bad: dict[str, AttnasrError] = {}
    caches = []
    for speed in speeds:

        def progress(done: int, total: int, speed: float = speed) -> None:
            console.note(f"features of {what}, speed {speed:g}: {done} of {total}")

        caches.append(
            open_cache(
                folder,
                utterances,
                features,
                speed,
                loader or (lambda path: load(path)),
                progress,
                lambda u, problem: bad.__setitem__(u.id, problem),
            )
        )
    for name, problem in list(bad.items())[:SHOWN]:
        console.warn(f"left out {name}: {problem.message}")
    if len(bad) > SHOWN:
        console.warn(f"left out {len(bad) - SHOWN} more that cannot be read")
    if not caches[0].starts[-1]:
        raise DataError(f"none of the {what} recordings can be read", "see the warnings above")
    return Corpus(utterances, caches)
