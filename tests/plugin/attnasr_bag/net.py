"""The smallest net that keeps the protocol: the encoder is one layer, the decoder looks at the
memory with its last token as the query. It shows how a net is added; it will not hear much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from attnasr_cli.nets.protocol import Memory, Net, Step, length_mask

FRAMES = 4  # feature frames that become one memory position


@dataclass(frozen=True)
class BagConfig:
    """Sizes of a Bag."""

    vocab: int
    """tokens"""
    bins: int = 80
    """mel bins"""
    width: int = 64
    """of the memory"""


class Bag(Net):
    """One linear layer hears, one attention speaks."""

    name: ClassVar[str] = "bag"
    Config: ClassVar[type] = BagConfig

    def __init__(self, config: BagConfig) -> None:
        super().__init__()
        self.config = config
        self.hear = nn.Linear(config.bins * FRAMES, config.width)
        self.embed = nn.Embedding(config.vocab, config.width)
        self.speak = nn.Linear(2 * config.width, config.vocab)

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        features = features * length_mask(lengths, features.shape[1])[..., None]
        features = nn.functional.pad(features, (0, 0, 0, -features.shape[1] % FRAMES))
        frames = torch.tanh(self.hear(features.unflatten(1, (-1, FRAMES)).flatten(2)))
        return Memory(frames, (lengths + FRAMES - 1) // FRAMES, None, 0.01 * FRAMES)

    def start(self, memory: Memory, beams: int) -> None:
        return None  # the last token is all that it remembers, and the step is given that

    def step(self, tokens: Tensor, state: None, memory: Memory) -> Step:
        beams = tokens.shape[0] // memory.frames.shape[0]
        logits, weights = self._look(memory, tokens[:, -1].view(-1, beams))
        return Step(logits.flatten(0, 1).log_softmax(-1), weights.flatten(0, 1), None)

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        return self._look(memory, tokens)[0]

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        return self._look(memory, tokens)[1][:, None, None]  # one layer, one head

    def _look(self, memory: Memory, tokens: Tensor) -> tuple[Tensor, Tensor]:
        query = self.embed(tokens)  # (B, n, D)
        scores = query @ memory.frames.transpose(1, 2)  # (B, n, S)
        weights = scores.masked_fill(~memory.mask[:, None], float("-inf")).softmax(-1)
        logits: Tensor = self.speak(torch.cat([query, weights @ memory.frames], -1))
        return logits, weights
