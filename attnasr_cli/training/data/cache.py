"""A cache of features or samples of each utterance, kept in shards.

Decoding audio and computing log-mel would take a third of a training step on a CPU; read from a
memory map they take almost no time or memory.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio import tar
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.files import waiting
from attnasr_cli.training.data.shards import Shards
from attnasr_cli.training.formats.utterance import Utterance

GROUP = 256  # utterances between two notes

Loader = Callable[[Utterance, float], Tensor]
"""(utterance, longest length in seconds) → samples (N,)"""


@dataclass(frozen=True)
class Rows:
    """Arrays of different lengths, one for each utterance."""

    values: Sequence[np.ndarray]
    """files of rows (n, …), memory maps"""
    files: np.ndarray
    """(utterances,) which of them has the rows of each"""
    starts: np.ndarray
    """(utterances,) the first row of each"""
    counts: np.ndarray
    """(utterances,) rows of each; none of those with a problem"""
    problems: dict[int, str]
    """utterance → why it has none"""

    def lengths(self) -> np.ndarray:
        """(utterances,) rows of each"""
        return self.counts

    def get(self, index: int) -> np.ndarray:
        """(rows, …) float32"""
        start = int(self.starts[index])
        rows = self.values[int(self.files[index])][start : start + int(self.counts[index])]
        return np.array(rows, np.float32)


def load_utterance(utterance: Utterance, longest_s: float) -> Tensor:
    """The samples (N,) of an utterance, reading little more than ``longest_s`` seconds.

    Raises AudioError where it cannot be read, and DataError where it is longer.
    """
    from attnasr_cli.audio.load import load, probe

    start, end = utterance.start_s, utterance.end_s
    if end is not None and end - (start or 0.0) > longest_s:
        raise DataError(f"{end - (start or 0.0):.1f} s long")
    most = (start or 0.0) + longest_s + 0.1
    samples = load(utterance.path, start, most if end is None else end)
    if end is None and samples.shape[0] > longest_s * SAMPLE_RATE_HZ:
        whole_s = probe(utterance.path).duration_s or samples.shape[0] / SAMPLE_RATE_HZ
        raise DataError(f"{whole_s - (start or 0.0):.1f} s long")
    return samples


def open_rows(
    folder: Path,
    utterances: Sequence[Utterance],
    about: str,
    kind: type[np.generic],
    width: tuple[int, ...],
    compute: Callable[[Utterance], np.ndarray],
    what: str,
) -> Rows:
    """Rows of shape ``width`` for these utterances, computed where they are not there yet.

    Rows are found by ``about``, a description of their content, and by path, size and modification
    time of each recording. Where ``compute`` raises AttnasrError, the utterance has no rows.
    Several processes may ask for the same: one computes, the others wait. what: for notes. Raises
    OutputError where they cannot be written.
    """
    shards = Shards(folder / hashlib.sha256(about.encode()).hexdigest()[:16], kind, width)
    keys = [_key(utterance) for utterance in utterances]
    places = shards.places()
    if any(key not in places for key in keys):
        folder.mkdir(parents=True, exist_ok=True)
        with waiting(shards.folder.with_name(f"{shards.folder.name}.lock")):
            places = shards.places()  # another process may have made them meanwhile
            missing = {k: u for k, u in zip(keys, utterances, strict=True) if k not in places}
            if missing:
                _make(shards, missing, compute, what)
                places = shards.places()
    found = [places[key] for key in keys]
    numbers = sorted({place.shard for place in found if place.rows})
    order = {number: n for n, number in enumerate(numbers)}
    return Rows(
        [shards.open(number) for number in numbers],
        np.array([order.get(place.shard, 0) for place in found], np.int64),
        np.array([place.start for place in found], np.int64),
        np.array([place.rows for place in found], np.int64),
        {i: place.problem for i, place in enumerate(found) if place.problem},
    )


def _key(utterance: Utterance) -> str:
    """The key of a recording in its present version, and of the part of it."""
    u = utterance
    try:
        size, changed = tar.size_and_time(u.path)
        stamp = f"{u.path.resolve()} {size} {changed} {u.start_s} {u.end_s}"
    except (OSError, AttnasrError):
        stamp = f"{u.place} -"
    return hashlib.sha256(stamp.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _make(
    shards: Shards,
    missing: Mapping[str, Utterance],
    compute: Callable[[Utterance], np.ndarray],
    what: str,
) -> None:
    stopped = threading.Event()

    def attempt(utterance: Utterance) -> np.ndarray | str:
        if stopped.is_set():
            return "stopped"
        try:
            return compute(utterance)
        except AttnasrError as problem:
            return problem.message

    keys = list(missing)
    threads = min(os.cpu_count() or 1, 8)
    with shards.adding() as adder, ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(keys), GROUP):  # a bounded number in flight
                group = keys[start : start + GROUP]
                results = list(pool.map(attempt, [missing[key] for key in group]))
                adder.add(zip(group, results, strict=True))
                console.note(f"{what}: {start + len(group)} of {len(keys)}")
        finally:
            stopped.set()  # or the pool would go on to the end of its group after Ctrl-C
