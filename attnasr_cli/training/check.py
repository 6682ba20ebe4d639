"""``attnasr train --check``: reports problems of the data of a run before anything is computed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attnasr_cli.audio.frames import FRAMES_PER_S, SAMPLE_RATE_HZ
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.text.tokenizer import UNKNOWN, Tokenizer
from attnasr_cli.training.data.corpus import read_sets
from attnasr_cli.training.data.overlap import overlaps
from attnasr_cli.training.formats.utterance import Utterance

SHOWN = 3
FAST = 25.0  # characters a second: nobody speaks so fast, so text and recording do not belong
RARE = 3  # utterances; characters in fewer are mostly slips
COPIES = 5  # of the weights while training: themselves, gradients, two of AdamW, the average


@dataclass(frozen=True)
class Length:
    """The length of an utterance, or the reason why it is unknown."""

    seconds: float
    problem: str = ""


@dataclass(frozen=True)
class Findings:
    """Findings about the data of a run."""

    lines: list[str]
    """figures"""
    problems: list[str]
    """problems, the worst first"""
    usable: bool
    """whether there is anything to train and to measure on"""


def check(
    recipe: Recipe,
    train_paths: Sequence[Path],
    dev_paths: Sequence[Path],
    costs: Sequence[str],
    tokenizer: Tokenizer | None,
) -> Findings:
    """Check all texts and the headers of all recordings.

    costs: sentences about time and memory; tokenizer: that of the model of ``[init]`` where it is
    kept. Raises DataError and UsageError where the data cannot be read at all.
    """
    normalizer = recipe.text.normalizer
    train, dev, held_out = read_sets(recipe.data, normalizer, train_paths, dev_paths)
    lengths, dev_lengths = lengths_of(train), lengths_of(dev)
    data, problems = recipe.data, []
    fits = [not one.problem and data.min_s <= one.seconds <= data.max_s for one in lengths]
    hours = sum(one.seconds for one, used in zip(lengths, fits, strict=True) if used) / 3600
    lines = [
        f"training: {len(train)} utterances, {sum(fits)} can be used, {hours:.2f} h",
        f"dev: {len(dev)} utterances, {sum(one.seconds for one in dev_lengths) / 3600:.2f} h",
        *([held_out] if held_out else []),
        *_histogram([one.seconds for one in lengths if not one.problem]),
        *_costs(recipe, hours),
        *costs,
    ]
    for name, utterances, found in (("training", train, lengths), ("dev", dev, dev_lengths)):
        unread = [f"{u.id}: {one.problem}" for u, one in zip(utterances, found, strict=True)
                  if one.problem]  # fmt: skip
        problems += _counted(unread, f"of {len(utterances)} {name} recordings cannot be read")
    pairs = [(u, one.seconds) for u, one in zip(train, lengths, strict=True) if not one.problem]
    short = [f"{u.id} ({s:.2f} s)" for u, s in pairs if s < data.min_s]
    problems += _counted(short, f"are shorter than data.min_s = {data.min_s:g} s")
    long = [f"{u.id} ({s:.1f} s)" for u, s in pairs if s > data.max_s]
    problems += _counted(long, f"are longer than data.max_s = {data.max_s:g} s")
    fast = [f"{u.id} ({len(u.text) / s:.0f} a second)" for u, s in pairs if len(u.text) > FAST * s]
    problems += _counted(fast, f"have more than {FAST:g} characters a second: is the text theirs?")
    if tokenizer is not None:
        problems += _unknown(tokenizer, train)
    problems += [*_characters(train, dev), *overlaps(train, dev)]
    usable = any(fits) and any(not one.problem for one in dev_lengths)
    return Findings(lines, problems, usable)


def lengths_of(utterances: Sequence[Utterance]) -> list[Length]:
    """The length of each, from the headers of the recordings."""
    from attnasr_cli.audio.load import probe

    def length(u: Utterance) -> Length:
        try:
            whole = probe(u.path).duration_s
        except AttnasrError as problem:
            return Length(0.0, problem.message)
        start = u.start_s or 0.0
        if whole is None:  # the container does not say
            return Length((u.end_s or start) - start)
        if start >= whole:
            return Length(0.0, f"it ends before {start:g} s")
        return Length(min(u.end_s or whole, whole) - start)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return list(pool.map(length, utterances))


def _histogram(seconds: Sequence[float]) -> list[str]:
    """The lengths of utterances in eight bars."""
    if not seconds:
        return []
    edges = [0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0, 30.0, float("inf")]
    counts = np.histogram(seconds, edges)[0]
    lines = ["lengths:"]
    for low, high, count in zip(edges, edges[1:], counts.tolist(), strict=False):
        if count:
            span = f"{low:g} to {high:g} s" if high < float("inf") else f"over {low:g} s"
            bar = "█" * max(round(30 * count / max(counts)), 1)
            lines.append(f"  {span:>12}  {bar} {count}")
    return lines


def _costs(recipe: Recipe, hours: float) -> list[str]:
    """Disk space, and the number of epochs."""
    seconds = hours * 3600
    if recipe.data.cache == "none":
        disk = 0.0
    elif recipe.data.cache == "audio" or recipe.distort.any:
        disk = seconds * SAMPLE_RATE_HZ * 2
    else:
        disk = seconds * FRAMES_PER_S * recipe.features.bins * 2 * len(recipe.data.speeds)
    lines = [f"disk for features: {disk / 1e9:.2f} GB"]
    if seconds:
        epochs = recipe.optim.updates * recipe.batch.seconds / seconds
        lines.append(f"{recipe.optim.updates} updates are at most {epochs:.1f} times all of it")
    return lines


def _unknown(tokenizer: Tokenizer, train: Sequence[Utterance]) -> list[str]:
    """Words that the tokenizer of a model that is trained on cannot write."""
    counts = Counter(word for u in train for word in u.text.split())
    unknown = [w for w, _ in counts.most_common() if UNKNOWN in tokenizer.encode(w)]
    return _counted(unknown, "words that the tokenizer of [init] model cannot write")


def _characters(train: Sequence[Utterance], dev: Sequence[Utterance]) -> list[str]:
    """Rare characters, and those that only the dev set has: no model can learn them."""
    counts = Counter(c for u in train for c in set(u.text))
    found = []
    rare = sorted(c for c, count in counts.items() if count < RARE)
    if rare and len(train) > 10 * RARE:
        found.append(f"{len(rare)} characters are in fewer than {RARE} texts: {_listed(rare)}")
    unknown = sorted({c for u in dev for c in u.text} - set(counts))
    if unknown:
        found.append(f"{len(unknown)} characters of the dev set are in no training text: "
                     f"{_listed(unknown)}")  # fmt: skip
    return found


def _listed(characters: Sequence[str]) -> str:
    return " ".join(repr(c) for c in characters[:20]) + (" …" if len(characters) > 20 else "")


def _counted(items: Sequence[str], what: str) -> list[str]:
    if not items:
        return []
    return [f"{len(items)} {what}: {', '.join(items[:SHOWN])}{', …' if len(items) > SHOWN else ''}"]
