"""Features computed once: a flat file of float16 frames for each speed, and where each stands.

Decoding audio and computing log-mel would take a third of a training step on a CPU; read back from
a memory map they cost nothing and no memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.audio.features import SAMPLE_RATE_HZ, FeatureConfig, features_of
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import AttnasrError
from attnasr_cli.files import write_text
from attnasr_cli.training.manifest import Utterance


@dataclass(frozen=True)
class Cache:
    """Features of a list of utterances at one speed."""

    frames: np.ndarray
    """(all frames, F) float16, a memory map"""
    starts: np.ndarray
    """(utterances + 1,) first frame of each; empty ones could not be read"""

    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def get(self, index: int) -> Tensor:
        """(T, F) float32"""
        rows = self.frames[self.starts[index] : self.starts[index + 1]]
        return torch.from_numpy(np.array(rows, dtype=np.float32))


def open_cache(
    folder: Path,
    utterances: Sequence[Utterance],
    features: FeatureConfig,
    speed: float,
    loader: Callable[[Path], Tensor],
    progress: Callable[[int, int], None],
    on_bad: Callable[[Utterance, AttnasrError], None],
) -> Cache:
    """Open the cache of these utterances, made first where it is not there yet.

    It is keyed by paths, sizes and times of the audio, the features and the speed. An utterance
    that cannot be read is reported to ``on_bad`` and has no frames.
    """
    key = _key(utterances, features, speed)
    data, index = folder / f"{key}.f16", folder / f"{key}.json"
    if not (index.is_file() and data.is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        _make(data, index, utterances, features, speed, loader, progress, on_bad)
    starts = np.array(json.loads(index.read_text()), dtype=np.int64)
    shape = (int(starts[-1]), features.bins)
    frames = np.memmap(data, np.float16, "r", shape=shape) if starts[-1] else np.zeros(shape)
    return Cache(frames, starts)


def _key(utterances: Sequence[Utterance], features: FeatureConfig, speed: float) -> str:
    digest = hashlib.sha256(repr((sorted(to_table(features).items()), speed)).encode())
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
    def compute(utterance: Utterance) -> np.ndarray | AttnasrError:
        try:
            samples = loader(utterance.path)
        except AttnasrError as problem:
            return problem
        if speed != 1.0:
            samples = change_speed(samples, speed)
        return features_of(samples, features).half().numpy()

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


def change_speed(samples: Tensor, speed: float) -> Tensor:
    """samples (N,) → (N / speed,): tempo and pitch together, as on a tape (Ko et al. 2015)."""
    from attnasr_cli.audio._torchaudio import torchaudio

    changed: Tensor = torchaudio.functional.resample(
        samples, round(SAMPLE_RATE_HZ * speed / 100) * 100, SAMPLE_RATE_HZ
    )
    return changed
