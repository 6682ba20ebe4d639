"""What is computed once of each utterance: one flat file, and where each utterance stands in it.

Decoding audio and computing log-mel would take a third of a training step on a CPU; read back from
a memory map they cost nothing and no memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.errors import AttnasrError, DataError
from attnasr_cli.files import replacing, write_text
from attnasr_cli.training.formats.utterance import Utterance

GROUP = 256  # utterances between two notes

Loader = Callable[[Utterance, float], Tensor]
"""an utterance and the longest of interest in seconds → samples (N,)"""


@dataclass(frozen=True)
class Rows:
    """Arrays of different lengths, one for each utterance."""

    values: np.ndarray
    """(all rows, …), a memory map"""
    starts: np.ndarray
    """(utterances + 1,) first row of each; those with a problem have none"""
    problems: dict[int, str]
    """utterance → why it has none"""

    def lengths(self) -> np.ndarray:
        """(utterances,) rows of each"""
        return np.diff(self.starts)

    def get(self, index: int) -> np.ndarray:
        """(rows, …) float32"""
        return np.array(self.values[self.starts[index] : self.starts[index + 1]], np.float32)


def load_utterance(utterance: Utterance, longest_s: float) -> Tensor:
    """samples (N,) of an utterance, of which no more is read than ``longest_s`` and a little.

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

    The file is called by ``about``, which says what it holds, and by paths, sizes and times of the
    recordings. ``compute`` raises AttnasrError for an utterance that then has no rows. Several
    processes may ask for the same: one computes, the others wait. what: for notes.
    """
    from filelock import FileLock

    key = _fingerprint(utterances, about)
    data, index = folder / f"{key}.rows", folder / f"{key}.json"
    if not index.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{key}.lock"):
            if not index.is_file():  # another process may have made it meanwhile
                _make(data, index, utterances, kind, compute, what)
    table = json.loads(index.read_text(encoding="utf-8"))
    starts = np.array(table["starts"], dtype=np.int64)
    shape = (int(starts[-1]), *width)
    values = np.memmap(data, kind, "r", shape=shape) if starts[-1] else np.zeros(shape, kind)
    return Rows(values, starts, {int(i): why for i, why in table["problems"].items()})


def _fingerprint(utterances: Sequence[Utterance], about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for u in utterances:
        try:
            stat = u.path.stat()
            stamp = f"{u.path.resolve()} {stat.st_size} {stat.st_mtime_ns} {u.start_s} {u.end_s}\n"
        except OSError:
            stamp = f"{u.place} -\n"
        digest.update(stamp.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _make(
    data: Path,
    index: Path,
    utterances: Sequence[Utterance],
    kind: type[np.generic],
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

    starts, problems = [0], dict[int, str]()
    threads = min(os.cpu_count() or 1, 8)
    with replacing(data) as file, ThreadPoolExecutor(threads) as pool:
        try:
            for start in range(0, len(utterances), GROUP):  # a bounded number in flight
                for result in pool.map(attempt, utterances[start : start + GROUP]):
                    if isinstance(result, str):
                        problems[len(starts) - 1] = result
                        starts.append(starts[-1])
                    else:
                        file.write(result.astype(kind).tobytes())
                        starts.append(starts[-1] + result.shape[0])
                done = min(start + GROUP, len(utterances))
                console.note(f"{what}: {done} of {len(utterances)}")
        finally:
            stopped.set()  # or the pool would go on to the end of its group after Ctrl-C
    write_text(index, json.dumps({"starts": starts, "problems": problems}))
