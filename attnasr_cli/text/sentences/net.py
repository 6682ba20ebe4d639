"""The net that predicts case and punctuation of each word from its context on both sides.

B windows · T words · D width of a word · C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnasr_cli.text.sentences.words import SPECIAL, WordIds
from attnasr_cli.text.sentences.written import Case, Mark


@dataclass(frozen=True)
class SentenceConfig:
    """Sizes of the net."""

    words: int
    """ids of words, the special ones among them"""
    buckets: int
    """numbers that the n-grams of letters share"""
    width: int = 96
    """of a word's vector"""
    hidden: int = 128
    """of an LSTM in one direction"""
    layers: int = 2
    dropout: float = 0.1


class SentenceNet(nn.Module):
    """Word vectors, bidirectional LSTM layers, and a layer for each of case and mark."""

    def __init__(self, config: SentenceConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.words = nn.Embedding(config.words, D)
        self.letters = nn.EmbeddingBag(config.buckets, D, mode="mean")
        nn.init.normal_(self.words.weight, std=0.3)
        nn.init.normal_(self.letters.weight, std=0.3)
        self.dropout = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(
            D,
            config.hidden,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.case = nn.Linear(2 * config.hidden, len(Case))
        self.mark = nn.Linear(2 * config.hidden, len(Mark))

    def vectors(self, ids: Tensor, letters: Tensor, offsets: Tensor) -> Tensor:
        """ids (M,); letters: the n-grams of all M words in a row, and offsets (M,) where those of
        each begin → (M, D). A special id has no letters."""
        own: Tensor = self.words(ids)
        spelled: Tensor = self.letters(letters, offsets)
        return own + spelled

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D), without padding → logits of case (B, T, C) and mark (B, T, C)."""
        states, _ = self.lstm(self.dropout(vectors))  # (B, T, 2·hidden)
        states = self.dropout(states)
        return self.case(states), self.mark(states)


def looked_up(words: Sequence[str | int], ids: WordIds) -> tuple[Tensor, Tensor, Tensor]:
    """The arguments of ``SentenceNet.vectors`` for words, and for special ids among them."""
    numbers: list[int] = []
    letters: list[int] = []
    offsets: list[int] = []
    for word in words:
        offsets.append(len(letters))
        if isinstance(word, int):
            assert word < SPECIAL
            numbers.append(word)
        else:
            numbers.append(ids.id(word))
            letters += ids.letters(word)
    return torch.tensor(numbers), torch.tensor(letters, dtype=torch.long), torch.tensor(offsets)
