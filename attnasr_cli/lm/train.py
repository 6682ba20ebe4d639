"""Trains an n-gram language model of a given file size on text, and measures its perplexity."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attnasr_cli.data import read_text
from attnasr_cli.errors import UsageError
from attnasr_cli.lm.counts import count_ngrams
from attnasr_cli.lm.file import load_model, save_model, to_bytes
from attnasr_cli.lm.kneser_ney import adjusted_counts, discounts, estimate
from attnasr_cli.lm.ngram import NgramModel, build
from attnasr_cli.lm.prune import keep, losses, threshold_for
from attnasr_cli.lm.spelling import estimate_spelling, spelling_score
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN, choose, count_words

BYTES = (8.0, 2.0, 1.7, 1.4, 1.4)  # a first guess of what an n-gram of order 1, 2 … takes stored
MEGABYTE = 1_000_000
ATTEMPTS = 8  # at a threshold that gives the wanted size
SLICE = 4096  # words of held-out text scored at once


@dataclass(frozen=True)
class LmConfig:
    """The ``[lm]`` table of a recipe: how a language model is trained."""

    texts: tuple[tuple[str, int], ...]
    """files with one sentence a line, and how many times each counts"""
    order: int = 3
    """words in the longest n-gram, 2 to 5"""
    vocabulary: int = 80_000
    """the most frequent words that are kept"""
    min_count: int = 3
    """words that occur less often are left out"""
    max_mb: float = 12.0
    """size of the file in megabytes (10⁶ bytes); 0 for no limit"""
    held_out: str = ""
    """a text to measure on, with one sentence a line; empty for none"""

    def __post_init__(self) -> None:
        if not 2 <= self.order <= 5:
            raise UsageError(f"order = {self.order}", "choose an order from 2 to 5")
        if not self.texts or any(times < 1 for _, times in self.texts):
            raise UsageError("no text, or a weight under 1", 'give texts = [["books.txt", 1]]')
        if self.vocabulary < 1 or self.min_count < 1 or self.max_mb < 0:
            raise UsageError("vocabulary and min_count are at least 1, max_mb is not negative")


@dataclass(frozen=True)
class LmReport:
    """A report on the model that was trained."""

    words: int
    """of text, weighted, sentence ends not counted"""
    vocabulary: int
    ngrams: tuple[int, ...]
    """n-grams of each order that are kept"""
    counted: tuple[int, ...]
    """n-grams of each order in the text"""
    bytes: int
    seconds: float
    held_out: Perplexity | None


@dataclass(frozen=True)
class Perplexity:
    """The perplexity of a text under a model."""

    words: int
    unknown: int
    """words outside the vocabulary"""
    perplexity: float
    """per word and sentence end, those outside the vocabulary left out"""
    perplexity_all: float
    """the same with them, spelled letter by letter"""

    @property
    def unknown_rate(self) -> float:
        return self.unknown / max(self.words, 1)


def measure(model: NgramModel, lines: Iterable[str]) -> Perplexity:
    """The perplexity of sentences, each from its beginning to its end."""
    words: list[str] = []
    ids: list[int] = [BORDER]
    for line in lines:
        if sentence := line.split():
            words += [*sentence, ""]
            ids += [*model.vocabulary.encode(sentence), BORDER]
    stream = np.asarray(ids, np.int64)
    context = np.tile(model.start(1), (len(stream), 1))
    for back in range(1, model.order):  # the word `back` places to the left, within the sentence
        left = np.concatenate([np.full(back, -1), stream[:-back]])[: len(stream)]
        context[:, -back] = left
        if back > 1:
            ended = (context[:, -back + 1] == BORDER) | (context[:, -back + 1] < 0)
            context[ended, -back] = -1
    parts = [
        model.log_prob(context[i : i + SLICE], stream[i : i + SLICE, None])[:, 0]
        for i in range(1, len(stream), SLICE)
    ]
    scores = np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)
    unknown = stream[1:] == UNKNOWN
    known = scores[~unknown]
    spelled = sum(spelling_score(model.spelling, words[i]) for i in np.flatnonzero(unknown))
    return Perplexity(
        int(np.count_nonzero(stream[1:] != BORDER)),
        int(unknown.sum()),
        math.exp(-known.sum() / max(len(known), 1)),
        math.exp(-(scores.sum() + spelled) / max(len(scores), 1)),
    )


def train_ngram(
    config: LmConfig, out: Path, note: Callable[[str], None] = lambda _: None
) -> LmReport:
    """Train the model and write it to ``out``. ``note`` is called with messages about progress."""
    began = time.monotonic()
    texts = [(Path(path), times) for path, times in config.texts]
    counts = count_words(texts)
    vocabulary = choose(counts, config.vocabulary, config.min_count)
    spelling = estimate_spelling(counts, vocabulary.ids)
    words = sum(counts.values())
    note(f"{words} words, {len(counts)} different, {len(vocabulary)} kept")
    del counts
    streams = [(vocabulary.stream(path), times) for path, times in texts]
    levels = count_ngrams(streams, config.order, len(vocabulary))
    del streams
    counted = tuple(len(level) for level in levels)
    note(f"n-grams of each order: {counted} ({time.monotonic() - began:.0f} s)")

    d = [discounts(a) for a in adjusted_counts(levels)]
    full = estimate(levels, d=d)
    if config.max_mb == 0:
        model = build(vocabulary, levels, full, None, spelling)
    else:
        loss = losses(levels, full)
        del full
        budget = config.max_mb * MEGABYTE
        cost = list(BYTES[: config.order])
        fitting: tuple[int, NgramModel] | None = None  # the largest under the limit
        for attempt in range(ATTEMPTS):
            threshold = threshold_for(levels, loss, cost, budget)
            kept = keep(levels, loss, threshold)
            pruned = estimate(levels, kept, d)
            model = build(vocabulary, levels, pruned, kept, spelling)
            size = len(to_bytes(model))
            note(f"{size} bytes at a threshold of {threshold:.2e} nats")
            if size <= budget and (fitting is None or size > fitting[0]):
                fitting = size, model
            small = all(m.all() for m in kept)
            if size <= budget and (small or size > 0.98 * budget):
                break
            # aim a little lower each time, so that an attempt fits
            cost = [c * size / budget * (1.002 + 0.004 * attempt) for c in cost]
        if fitting is not None:
            model = fitting[1]
        del loss, pruned, kept, fitting
    del levels
    size = save_model(model, out)
    stored = load_model(out)
    held_out = None
    if config.held_out:
        held_out = measure(stored, read_text(Path(config.held_out)).split("\n"))
        note(
            f"perplexity {held_out.perplexity:.1f}, outside the vocabulary "
            f"{100 * held_out.unknown_rate:.2f} %"
        )
    return LmReport(
        words,
        len(vocabulary),
        tuple(len(order.keys) for order in stored.orders),
        counted,
        size,
        time.monotonic() - began,
        held_out,
    )
