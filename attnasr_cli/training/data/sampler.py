"""Batches by seconds of audio: utterances of similar length together, in seeded random order, as an
endless stream that can be resumed anywhere.

Lengths are padded to a grid, so that a run has a few dozen shapes and not thousands: the matrix
library of a CPU compiles code for every new shape, which took a third of the training time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.errors import UsageError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.training.data.corpus import Corpus
from attnasr_cli.training.data.packing import Group, Packing
from attnasr_cli.training.resume import TrainState

Batch = list[Group]
"""groups of one utterance each, unless several share a window"""

FIRST, RATIO, MULTIPLE = 48, 1.08, 8  # frames of the shortest length, and the steps from there


def grid(longest: int) -> np.ndarray:
    """The lengths in frames that batches are padded to, up to the first not below ``longest``."""
    lengths = [FIRST]
    while lengths[-1] < longest:
        lengths.append(-(-int(lengths[-1] * RATIO + 1) // MULTIPLE) * MULTIPLE)
    return np.array(lengths)


def padded_length(frames: int) -> int:
    """The length to which a batch is padded whose longest utterance has ``frames`` frames."""
    return int(grid(frames)[-1])


def epoch_batches(
    lengths: Sequence[np.ndarray],
    allowed: np.ndarray,
    frames: int,
    seed: int,
    epoch: int,
    packing: Packing | None = None,
    weights: np.ndarray | None = None,
) -> list[Batch]:
    """All batches of one epoch, in the order of training.

    lengths: for each speed the frames (utterances,) of every utterance; allowed (utterances,) bool;
    frames: the most that a batch may hold, padding included. Each utterance appears once, at a
    speed drawn for this epoch. ``packing``: for a net with a window, each of which counts as full.
    ``weights`` (utterances,): how often each appears on average, once where there are none. The
    same arguments always give the same batches.
    """
    draw = np.random.default_rng([seed, epoch])
    chosen = np.flatnonzero(allowed)
    if weights is not None:
        times = np.floor(weights[chosen] + draw.random(len(chosen))).astype(np.int64)
        chosen = np.repeat(chosen, times)
    speeds = draw.integers(len(lengths), size=len(chosen))
    table = np.stack(lengths)  # (speeds, utterances)
    sizes = table[speeds, chosen]
    mixed = draw.permutation(len(chosen))
    mixed = mixed[sizes[mixed] > 0]
    rows = [(int(chosen[i]), int(speeds[i])) for i in mixed]
    sizes = sizes[mixed]
    steps: list[tuple[int, list[Group]]]
    if packing is None:
        lengths_of_batches = grid(int(sizes.max(initial=0)))
        step = np.searchsorted(lengths_of_batches, sizes)
        steps = [
            (padded, [(rows[i],) for i in np.flatnonzero(step == k)])
            for k, padded in enumerate(lengths_of_batches.tolist())
        ]
    else:
        groups = packing.groups(rows, sizes, draw)
        steps = [(packing.window, [groups[i] for i in draw.permutation(len(groups))])]
    batches: list[Batch] = []
    waiting: Batch = []  # what did not fill a batch goes with the next longer ones
    for padded, of_this_length in steps:
        waiting += of_this_length
        count = max(frames // padded, 1)
        while len(waiting) >= count:
            batches.append(waiting[:count])
            waiting = waiting[count:]
    if waiting:
        batches.append(waiting)
    return [batches[i] for i in draw.permutation(len(batches))]


def stream(
    corpus: Corpus,
    fits: np.ndarray,
    recipe: Recipe,
    at: TrainState,
    packing: Packing | None = None,
) -> Iterator[Batch]:
    """Endless batches from the state ``at`` on, which advances as they are taken.

    fits (utterances,) bool: which are drawn; packing: as in ``epoch_batches``.
    """
    config, seconds = recipe.batch, corpus.seconds()
    given = np.array([u.weight for u in corpus.utterances])
    if not (fits & (given > 0)).any():
        raise UsageError("data.weights leaves nothing to train on", "give a corpus more than 0")
    weights = None if (given == 1).all() else given
    while True:
        if at.stage == 0 and at.update >= config.short_first:
            at.stage, at.epoch, at.index = 1, 0, 0
        short = at.stage == 0 and bool((fits & (seconds <= config.short_s)).any())
        allowed = fits & (seconds <= config.short_s) if short else fits
        size = config.short_seconds if short else config.seconds
        batches = epoch_batches(
            corpus.frames(),
            allowed,
            round(size * FRAMES_PER_S),
            recipe.run.seed * 2 + at.stage,
            at.epoch,
            packing,
            weights,
        )
        while at.index < len(batches):
            at.index += 1
            yield batches[at.index - 1]
            if at.stage == 0 and at.update >= config.short_first:
                break
        else:
            at.epoch, at.index = at.epoch + 1, 0
