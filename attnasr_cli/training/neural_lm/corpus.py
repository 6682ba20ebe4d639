"""Text as one row of subword ids."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError
from attnasr_cli.text.subwords import BpeTokenizer

Ids = npt.NDArray[np.uint16]

SAMPLE = 400_000
"""lines at most that the tokenizer is made of"""
MOST_PIECES = 2**16


def sentences(path: Path) -> Iterator[str]:
    """The lines of a text that have words. Raises DataError."""
    for line in read_text(path).split("\n"):
        if line := line.strip():
            yield line


def make_tokenizer(texts: Sequence[tuple[Path, int]], pieces: int, seed: int) -> BpeTokenizer:
    """Unigram pieces of a sample of the lines. Raises DataError without lines."""
    lines = [line for path, _ in texts for line in sentences(path)]
    if not lines:
        raise DataError(f"no sentences in {', '.join(str(path) for path, _ in texts)}")
    if len(lines) > SAMPLE:
        lines = random.Random(seed).sample(lines, SAMPLE)
    return BpeTokenizer.train(lines, pieces, "unigram")


def encoded(texts: Sequence[tuple[Path, int]], tokenizer: BpeTokenizer) -> Ids:
    """(N,) the pieces of all texts, each as often as it counts. Where sentences end is not said: a
    recording begins and ends anywhere, and nobody speaks a full stop."""
    parts = []
    for path, times in texts:
        rows = [np.array(tokenizer.encode(line), np.uint16) for line in sentences(path)]
        parts += [np.concatenate(rows)] * times if rows else []
    return np.concatenate(parts)
