"""The endless stream of batches, which can be entered wherever a run stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from attnasr_cli import console
from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.errors import DataError
from attnasr_cli.training.batch import Batch, epoch_batches
from attnasr_cli.training.corpus import Corpus
from attnasr_cli.training.recipe import DataConfig, Recipe
from attnasr_cli.training.state import Progress


def usable(
    corpus: Corpus, tokens: Sequence[Sequence[int]], data: DataConfig, longest: int | None
) -> np.ndarray:
    """(utterances,) bool: neither too short nor too long, with a text of 1 to ``longest`` tokens.

    Raises DataError where none is.
    """
    seconds = corpus.seconds()
    fits = (seconds >= data.min_s) & (seconds <= data.max_s)
    sizes = np.array([len(t) for t in tokens])
    fits &= sizes > 0
    limit = ""
    if longest is not None:
        fits &= sizes <= longest
        limit = f", or their text is longer than {longest} tokens"
    why = f"are not {data.min_s:g} to {data.max_s:g} s long{limit}"
    if not fits.any():
        raise DataError(f"all training utterances {why}", "change [data] min_s and max_s")
    if not fits.all():
        console.note(f"left out {len(fits) - fits.sum()} of {len(fits)} utterances, which {why}")
    return fits


def stream(
    corpus: Corpus,
    fits: np.ndarray,
    recipe: Recipe,
    at: Progress,
    together: int,
    window: int | None = None,
) -> Iterator[Batch]:
    """Batches from where the progress stands, for ever; it is moved on as they are taken.

    fits (utterances,) bool: which are drawn; together and window: as in ``epoch_batches``.
    """
    config, seconds = recipe.batch, corpus.seconds()
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
            together,
            window,
        )
        while at.index < len(batches):
            at.index += 1
            yield batches[at.index - 1]
            if at.stage == 0 and at.update >= config.short_first:
                break
        else:
            at.epoch, at.index = at.epoch + 1, 0
