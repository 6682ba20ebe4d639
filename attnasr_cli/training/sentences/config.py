"""The ``[sentences]`` table of a recipe: how a net for case and punctuation is trained."""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.errors import UsageError


@dataclass(frozen=True)
class SentencesConfig:
    """How the net is trained. Texts have case and punctuation, one paragraph or recording on each
    line."""

    texts: tuple[tuple[str, int], ...]
    """files of written text, and how many times each counts"""
    held_out: str = ""
    """such a text to measure on; empty for none"""
    init: str = ""
    """a net to start from, which keeps its vocabulary and sizes; empty for none"""
    vocabulary: int = 16_000
    """the most frequent words, which have vectors of their own"""
    min_count: int = 3
    """least occurrences of such a word"""
    buckets: int = 6_000
    """vectors that the n-grams of letters share"""
    width: int = 64
    """of a word's vector"""
    hidden: int = 128
    """of an LSTM in one direction"""
    layers: int = 2
    dropout: float = 0.1
    unknown: float = 0.05
    """share of known words in a batch whose word vector is replaced by that for unknown words"""
    words: int = 6_000_000
    """seen in all while training"""
    batch: int = 2048
    """words at once"""
    rate: float = 3.0e-3
    """peak learning rate of AdamW; it rises over a twentieth and falls to zero"""
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.texts or any(times < 1 for _, times in self.texts):
            raise UsageError("no text, or a weight under 1", 'give texts = [["talks.txt", 1]]')
        least = min(
            self.vocabulary, self.min_count, self.buckets, self.width, self.hidden, self.layers,
            self.words, self.batch,
        )  # fmt: skip
        if least < 1 or self.rate <= 0:
            raise UsageError("a size or the rate is not positive", "see attnasr train --list")
        if not (0 <= self.dropout < 1 and 0 <= self.unknown < 1):
            raise UsageError("dropout and unknown are shares", "use 0 to below 1")
