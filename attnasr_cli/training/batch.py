"""Batches by seconds of audio: utterances of like length together, in a seeded order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Batch = list[tuple[int, int]]
"""(utterance, speed) indices"""


def epoch_batches(
    lengths: Sequence[np.ndarray], allowed: np.ndarray, frames: int, seed: int, epoch: int
) -> list[Batch]:
    """All batches of one epoch, in the order of training.

    lengths: for each speed the frames (utterances,) of every utterance; allowed (utterances,) bool;
    frames: the most that a batch may hold, padding included. Each utterance appears once, at a
    speed drawn for this epoch. The same arguments always give the same batches.
    """
    draw = np.random.default_rng([seed, epoch])
    chosen = np.flatnonzero(allowed)
    speeds = draw.integers(len(lengths), size=len(chosen))
    table = np.stack(lengths)  # (speeds, utterances)
    sizes = table[speeds, chosen]
    # Lengths are blurred by up to a tenth, so that neighbours change from epoch to epoch.
    order = np.argsort(sizes * draw.uniform(0.9, 1.0, len(chosen)), kind="stable")
    batches: list[Batch] = []
    batch: Batch = []
    longest = 0
    for i in order:
        size = int(sizes[i])
        if size == 0:
            continue
        if batch and max(longest, size) * (len(batch) + 1) > frames:
            batches.append(batch)
            batch, longest = [], 0
        batch.append((int(chosen[i]), int(speeds[i])))
        longest = max(longest, size)
    if batch:
        batches.append(batch)
    return [batches[i] for i in draw.permutation(len(batches))]
