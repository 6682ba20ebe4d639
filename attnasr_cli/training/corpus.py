"""Utterances with their features: what a training step or an evaluation needs.

Features are computed once: a flat file of float16 frames for each speed, and where each utterance
stands in it. Decoding audio and computing log-mel would take a third of a training step on a CPU;
read back from a memory map they cost nothing and no memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import FRAMES_PER_S, SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.families.registry import family_of_style
from attnasr_cli.files import write_text
from attnasr_cli.training.manifest import Utterance, read_data

SHOWN = 5


class Features(Protocol):
    """Features of a list of utterances at one speed."""

    def lengths(self) -> np.ndarray:
        """(utterances,) frames of each; 0 for what could not be read"""

    def get(self, index: int, draw: np.random.Generator) -> Tensor:
        """(T, F) float32; ``draw`` decides whatever there is of chance in it"""


@dataclass(frozen=True)
class FeatureCache:
    """Features that never change."""

    frames: np.ndarray
    """(all frames, F) float16, a memory map"""
    starts: np.ndarray
    """(utterances + 1,) first frame of each; empty ones could not be read"""

    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def get(self, index: int, draw: np.random.Generator | None = None) -> Tensor:
        """(T, F) float32"""
        rows = self.frames[self.starts[index] : self.starts[index + 1]]
        return torch.from_numpy(np.array(rows, dtype=np.float32))


@dataclass(frozen=True)
class Corpus:
    """Utterances, and for each speed their features."""

    utterances: list[Utterance]
    features: Sequence[Features]

    def frames(self) -> list[np.ndarray]:
        """For each speed the frames (utterances,) of every utterance."""
        return [features.lengths() for features in self.features]

    def seconds(self) -> np.ndarray:
        """(utterances,) at the first speed."""
        return self.features[0].lengths() / FRAMES_PER_S


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
    report_unreadable(bad, caches[0].starts, what)
    return Corpus(utterances, caches)


def report_unreadable(bad: dict[str, AttnasrError], starts: np.ndarray, what: str) -> None:
    """List what was left out; raises DataError where nothing is left. bad: id → why."""
    for name, problem in list(bad.items())[:SHOWN]:
        console.warn(f"left out {name}: {problem.message}")
    if len(bad) > SHOWN:
        console.warn(f"left out {len(bad) - SHOWN} more that cannot be read")
    if not starts[-1]:
        raise DataError(f"none of the {what} recordings can be read", "see the warnings above")


def open_cache(
    folder: Path,
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    speed: float,
    loader: Callable[[Path], Tensor],
    progress: Callable[[int, int], None],
    on_bad: Callable[[Utterance, AttnasrError], None],
) -> FeatureCache:
    """Open the cache of these utterances, made first where it is not there yet.

    It is keyed by paths, sizes and times of the audio, the features and the speed. An utterance
    that cannot be read is reported to ``on_bad`` and has no frames.
    """
    key = fingerprint(utterances, repr((sorted(to_table(features).items()), speed)))
    data, index = folder / f"{key}.f16", folder / f"{key}.json"
    if not (index.is_file() and data.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        _make(data, index, utterances, features, speed, loader, progress, on_bad)
    starts = np.array(json.loads(index.read_text()), dtype=np.int64)
    shape = (int(starts[-1]), features.bins)
    frames = np.memmap(data, np.float16, "r", shape=shape) if starts[-1] else np.zeros(shape)
    return FeatureCache(frames, starts)


def fingerprint(utterances: Sequence[Utterance], about: str) -> str:
    """A key of what is computed of the recordings as they are now; ``about`` says what it is."""
    digest = hashlib.sha256(about.encode())
    for u in utterances:
        try:
            stat = u.path.stat()
            stamp = f"{u.path.resolve()} {stat.st_size} {stat.st_mtime_ns}\n"
        except OSError:
            stamp = f"{u.path} -\n"
        digest.update(stamp.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _make(
    data: Path,
    index: Path,
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    speed: float,
    loader: Callable[[Path], Tensor],
    progress: Callable[[int, int], None],
    on_bad: Callable[[Utterance, AttnasrError], None],
) -> None:
    extractor = family_of_style(features.style).features(features)

    def compute(utterance: Utterance) -> np.ndarray | AttnasrError:
        try:
            samples = loader(utterance.path)
        except AttnasrError as problem:
            return problem
        return extractor.extract(change_speed(samples, speed)).half().numpy()

    starts = [0]
    part = data.with_suffix(".part")
    threads = min(os.cpu_count() or 1, 8)
    with part.open("wb") as file, ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(utterances), 256):  # a bounded number in flight
            group = utterances[start : start + 256]
            for offset, result in enumerate(pool.map(compute, group)):
                if isinstance(result, AttnasrError):
                    on_bad(utterances[start + offset], result)
                    starts.append(starts[-1])
                else:
                    file.write(result.tobytes())
                    starts.append(starts[-1] + result.shape[0])
            progress(min(start + 256, len(utterances)), len(utterances))
    os.replace(part, data)
    write_text(index, json.dumps(starts))


def rate_for(speed: float) -> int:
    """The sampling rate that samples at 16 kHz are taken to have, to be played at a speed."""
    return round(SAMPLE_RATE_HZ * speed / 100) * 100


def change_speed(samples: Tensor, speed: float) -> Tensor:
    """samples (N,) → (N / speed,): tempo and pitch together, as on a tape (Ko et al. 2015)."""
    if speed == 1.0:
        return samples
    from attnasr_cli.audio._torchaudio import torchaudio

    changed: Tensor = torchaudio.functional.resample(samples, rate_for(speed), SAMPLE_RATE_HZ)
    return changed
