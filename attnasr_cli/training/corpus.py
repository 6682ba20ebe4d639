"""Utterances with their features: what a training step needs.

Features are computed once: a flat file of float16 frames for each speed, and where each utterance
stands in it. Decoding audio and computing log-mel would take a third of a training step on a CPU;
read back from a memory map they cost nothing and no memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.features import FeatureConfig, features_of
from attnasr_cli.audio.frames import FRAMES_PER_S, SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.files import replacing, write_text
from attnasr_cli.training.manifest import Utterance, read_data

GROUP = 256  # utterances between two notes


@dataclass(frozen=True)
class FeatureCache:
    """Features of a list of utterances at one speed."""

    frames: np.ndarray
    """(all frames, F) float16, a memory map"""
    starts: np.ndarray
    """(utterances + 1,) first frame of each; those with a problem have none"""
    problems: dict[int, str]
    """utterance → why it has no frames"""

    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def get(self, index: int) -> Tensor:
        """(T, F) float32"""
        rows = self.frames[self.starts[index] : self.starts[index + 1]]
        return torch.from_numpy(np.array(rows, dtype=np.float32))


@dataclass(frozen=True)
class Corpus:
    """Utterances, and for each speed their features."""

    utterances: list[Utterance]
    caches: list[FeatureCache]
    speeds: tuple[float, ...] = (1.0,)

    def frames(self) -> list[np.ndarray]:
        """For each speed the frames (utterances,) of every utterance."""
        return [cache.lengths() for cache in self.caches]

    def seconds(self) -> np.ndarray:
        """(utterances,) as they were spoken."""
        return self.caches[0].lengths() * self.speeds[0] / FRAMES_PER_S

    @property
    def problems(self) -> dict[int, str]:
        """utterance → why it has no features"""
        return self.caches[0].problems


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
    longest_s: float,
    loader: Callable[[Utterance, float], Tensor] | None = None,
) -> Corpus:
    """Features of all utterances at all speeds, computed where the cache lacks them.

    What cannot be read or is longer than ``longest_s`` has none, see ``Corpus.problems``. Several
    processes may ask for the same: one computes, the others wait. Raises DataError where nothing
    can be used.
    """
    caches = [
        _open_cache(folder, utterances, features, speed, longest_s, loader or load_utterance)
        for speed in speeds
    ]
    corpus = Corpus(utterances, caches, tuple(speeds))
    if len(corpus.problems) == len(utterances):
        name, why = utterances[0].id, corpus.problems[0]
        raise DataError(
            f"none of the {len(utterances)} training recordings can be used", f"{name}: {why}"
        )
    return corpus


def load_utterance(utterance: Utterance, longest_s: float) -> Tensor:
    """samples (N,) of an utterance, of which no more is read than ``longest_s`` and a little.

    Raises AudioError where it cannot be read, and DataError where it is longer.
    """
    from attnasr_cli.audio.load import load, probe

    samples = load(utterance.path, end_s=longest_s + 0.1)
    if samples.shape[0] > longest_s * SAMPLE_RATE_HZ:
        whole_s = probe(utterance.path).duration_s
        raise DataError(f"{whole_s or samples.shape[0] / SAMPLE_RATE_HZ:.1f} s long")
    return samples


def change_speed(samples: Tensor, speed: float) -> Tensor:
    """samples (N,) → (N / speed,): tempo and pitch together, as on a tape (Ko et al. 2015)."""
    from attnasr_cli.audio._torchaudio import torchaudio

    changed: Tensor = torchaudio.functional.resample(
        samples, round(SAMPLE_RATE_HZ * speed / 100) * 100, SAMPLE_RATE_HZ
    )
    return changed


def _open_cache(
    folder: Path,
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    speed: float,
    longest_s: float,
    loader: Callable[[Utterance, float], Tensor],
) -> FeatureCache:
    """The cache of these utterances, keyed by paths, sizes and times of the audio, the features,
    the speed and the longest that is read; made first where it is not there yet."""
    from filelock import FileLock

    key = _key(utterances, features, speed, longest_s)
    data, index = folder / f"{key}.f16", folder / f"{key}.json"
    if not index.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            if not index.is_file():  # another process may have made it meanwhile
                _make(data, index, utterances, features, speed, longest_s, loader)
    table = json.loads(index.read_text(encoding="utf-8"))
    starts = np.array(table["starts"], dtype=np.int64)
    shape = (int(starts[-1]), features.bins)
    frames = np.memmap(data, np.float16, "r", shape=shape) if starts[-1] else np.zeros(shape)
    return FeatureCache(frames, starts, {int(i): why for i, why in table["problems"].items()})


def _key(
    utterances: Sequence[Utterance], features: FeatureConfig, speed: float, longest_s: float
) -> str:
    settings = repr((sorted(to_table(features).items()), speed, longest_s))
    digest = hashlib.sha256(settings.encode())
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
    longest_s: float,
    loader: Callable[[Utterance, float], Tensor],
) -> None:
    stopped = threading.Event()

    def compute(utterance: Utterance) -> np.ndarray | AttnasrError:
        if stopped.is_set():
            return AttnasrError("stopped")
        try:
            samples = loader(utterance, longest_s)
        except AttnasrError as problem:
            return problem
        if speed != 1.0:
            samples = change_speed(samples, speed)
        return features_of(samples, features).half().numpy()

    starts, problems = [0], dict[int, str]()
    threads = min(os.cpu_count() or 1, 8)
    with replacing(data) as file, ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(utterances), GROUP):  # a bounded number in flight
                for result in pool.map(compute, utterances[start : start + GROUP]):
                    if isinstance(result, AttnasrError):
                        problems[len(starts) - 1] = result.message
                        starts.append(starts[-1])
                    else:
                        file.write(result.tobytes())
                        starts.append(starts[-1] + result.shape[0])
                done = min(start + GROUP, len(utterances))
                console.note(f"features, speed {speed:g}: {done} of {len(utterances)}")
        finally:
            stopped.set()  # or the pool would go on to the end of its group after Ctrl-C
    write_text(index, json.dumps({"starts": starts, "problems": problems}))
