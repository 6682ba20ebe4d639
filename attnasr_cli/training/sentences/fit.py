"""Trains a net for case and punctuation on text.

B windows · T words · M different words of a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.device import cpu_has_bfloat16
from attnasr_cli.text.sentences.file import load_net, save_net
from attnasr_cli.text.sentences.net import SentenceConfig, SentenceNet
from attnasr_cli.text.sentences.punctuator import Punctuator, Sentences
from attnasr_cli.text.sentences.words import SPECIAL, UNKNOWN, WordIds
from attnasr_cli.text.sentences.written import IGNORED, read
from attnasr_cli.training.sentences.config import SentencesConfig
from attnasr_cli.training.sentences.corpus import Corpus, Ints, load, read_lines
from attnasr_cli.training.sentences.measure import Writing, compare
from attnasr_cli.training.sentences.windows import Windows

WARMUP = 0.05
"""share of the words during which the rate rises"""
CLIP = 1.0
"""largest norm of the gradient"""
NOTES = 10
"""how often progress is noted and the net is written"""
RECENT = 100
"""batches over which the reported loss is averaged"""


@dataclass(frozen=True)
class SentencesReport:
    """A report on the net that was trained."""

    words: int
    """in the texts, weighted"""
    bytes: int
    seconds: float
    loss: tuple[float, float]
    """in nats a word, at the begin and at the end"""
    held_out: Writing | None


class Shown:
    """The words of a corpus as inputs of the net."""

    def __init__(self, corpus: Corpus, ids: WordIds, unknown: float, seed: int) -> None:
        """unknown: share of the words of a batch whose own vector is not shown."""
        self.ids = np.array([*range(SPECIAL), *(ids.id(w) for w in corpus.types[SPECIAL:])])
        letters = [(), (), (), (), *(ids.letters(word) for word in corpus.types[SPECIAL:])]
        self.letters = np.array([n for own in letters for n in own], np.int64)
        self.counts = np.array([len(own) for own in letters])
        self.first = np.cumsum(self.counts) - self.counts
        self.unknown, self.draw = unknown, np.random.default_rng(seed)

    def vectors(self, net: SentenceNet, places: Ints) -> Tensor:
        """places (B, T) → (B, T, D)"""
        types, inverse = np.unique(places, return_inverse=True)
        ids, counts = self.ids[types], self.counts[types]
        hidden = (types >= SPECIAL) & (self.draw.random(len(types)) < self.unknown)
        ids = np.where(hidden, UNKNOWN, ids)
        offsets = np.cumsum(counts) - counts
        within = np.arange(counts.sum()) - np.repeat(offsets, counts)
        letters = self.letters[np.repeat(self.first[types], counts) + within]
        own = net.vectors(*map(torch.from_numpy, (ids, letters, offsets)))  # (M, D)
        return own[torch.from_numpy(inverse.reshape(places.shape))]


def train_sentences(
    config: SentencesConfig, out: Path, note: Callable[[str], None] = lambda _: None
) -> SentencesReport:
    """Train the net and write it to ``out``. ``note`` is called with messages about progress."""
    began = time.monotonic()
    corpus = load([(Path(path), times) for path, times in config.texts])
    torch.manual_seed(config.seed)
    if config.init:
        start = load_net(Path(config.init))
        net, ids, spellings = start.net, start.ids, set(start.spellings.values())
    else:
        ids, spellings = WordIds(_vocabulary(corpus, config), config.buckets), set()
        net = SentenceNet(
            SentenceConfig(
                ids.size, config.buckets, config.width, config.hidden, config.layers, config.dropout
            )
        )
    spellings |= set(corpus.spellings)
    note(
        f"{len(corpus.words)} words, {len(corpus.types) - SPECIAL} different, "
        f"{len(ids.vocabulary)} with vectors of their own"
    )

    def keep() -> int:
        return save_net(out, net, ids.vocabulary, sorted(spellings))

    losses = _fit(net.train(), corpus, ids, config, note, keep)
    size = keep()
    held_out = None
    if config.held_out:
        held_out = measure(out, Path(config.held_out))
        note(held_out.summary())
    seconds = time.monotonic() - began
    return SentencesReport(len(corpus.words), size, seconds, losses, held_out)


def _vocabulary(corpus: Corpus, config: SentencesConfig) -> list[str]:
    """The most frequent words, those of equal frequency in the order of the alphabet."""
    found = [(-int(n), w) for w, n in zip(corpus.types, corpus.counts, strict=True)]
    frequent = sorted(item for item in found[SPECIAL:] if -item[0] >= config.min_count)
    return [word for _, word in frequent[: config.vocabulary]]


def _fit(
    net: SentenceNet,
    corpus: Corpus,
    ids: WordIds,
    config: SentencesConfig,
    note: Callable[[str], None],
    keep: Callable[[], object],
) -> tuple[float, float]:
    """Train the net. Returns the loss at the beginning and at the end. ``keep`` is called from time
    to time, and at the end."""
    shown = Shown(corpus, ids, config.unknown, config.seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=config.rate, weight_decay=0.01)
    low = cpu_has_bfloat16()  # twice as fast
    losses: list[float] = []
    seen, said = 0, 0
    for places, cases, marks in Windows(corpus, config.seed).batches(config.words, config.batch):
        done = seen / config.words
        rate = config.rate * min(done / WARMUP, (1 - done) / (1 - WARMUP))
        for group in optimizer.param_groups:
            group["lr"] = max(rate, config.rate / 1000)
        vectors = shown.vectors(net, places)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            case, mark = net(vectors)
        loss = _loss(case.float(), cases) + _loss(mark.float(), marks)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        seen += places.size
        value = float(loss.detach())
        losses.append(value)
        if seen * NOTES >= (said + 1) * config.words:
            said = seen * NOTES // config.words
            note(f"{seen} words, loss {_mean(losses[-RECENT:]):.3f}")
            keep()
    return _mean(losses[:RECENT]), _mean(losses[-RECENT:])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(len(values), 1)


def _loss(logits: Tensor, labels: Ints) -> Tensor:
    """logits (B, T, C), labels (B, T) → mean cross-entropy of those that are known."""
    wanted = torch.from_numpy(labels).flatten()
    total = F.cross_entropy(logits.flatten(0, 1), wanted, ignore_index=IGNORED, reduction="sum")
    return total / (wanted != IGNORED).sum().clamp(min=1)


def measure(net: Path, text: Path) -> Writing:
    """Measure a stored net on a text, taking each line as a recording."""
    punctuator = Punctuator(load_net(net))
    pairs = []
    for line in read_lines(text):
        words = Sentences(punctuator).write([item.word for item in line])
        pairs.append((line, read(" ".join(words))))
    return compare(pairs)
