"""A small Transformer over subwords that gives the probability of a text (Vaswani et al. 2017, with
the norm before each part and learnt positions: the cheapest parts to train on a CPU).

B texts · T tokens · D width · H heads · V pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class NeuralConfig:
    """Sizes of the net."""

    pieces: int
    """of the tokenizer"""
    width: int = 256
    heads: int = 4
    layers: int = 4
    hidden: int = 1024
    """of a perceptron"""
    places: int = 192
    """that have vectors of their own; tokens behind have the last one"""


class Block(nn.Module):
    """Attention to earlier tokens, then a perceptron."""

    def __init__(self, config: NeuralConfig) -> None:
        super().__init__()
        D = config.width
        self.heads = config.heads
        self.norm = nn.LayerNorm(D)
        self.qkv = nn.Linear(D, 3 * D)
        self.out = nn.Linear(D, D)
        self.norm_mlp = nn.LayerNorm(D)
        self.up = nn.Linear(D, config.hidden)
        self.down = nn.Linear(config.hidden, D)
        for last in (self.out, self.down):  # a block begins as nothing, which is learnt faster
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """x (B, T, D); hidden (B or 1, T, T) bool: what each token (axis 1) may not attend to."""
        B, T, D = x.shape
        qkv = self.qkv(self.norm(x)).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, D/H) each
        scores = (q * (D // self.heads) ** -0.5) @ k.transpose(-1, -2)  # (B, H, T, T)
        weights = scores.masked_fill(hidden[:, None], -torch.inf).softmax(-1)
        x = x + self.out((weights.to(v.dtype) @ v).transpose(1, 2).reshape(B, T, D))
        raised = F.gelu(self.up(self.norm_mlp(x)))  # (B, T, hidden)
        lowered: Tensor = self.down(raised)
        return x + lowered


class NeuralLm(nn.Module):
    """The net; the output layer has the weights of the embedding."""

    def __init__(self, config: NeuralConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.pieces, config.width)
        self.places = nn.Embedding(config.places, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.embedding.weight, std=0.05)
        nn.init.normal_(self.places.weight, std=0.02)

    def forward(
        self, tokens: Tensor, places: Tensor | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """tokens (B, T) → states (B, T, D) after each token.

        places (B, T): how many tokens are before each, T in a row if None. seen (B, T, T) bool:
        which tokens (last axis) each may attend to, itself among them; those before it if None.
        """
        T, device = tokens.shape[1], tokens.device
        if places is None:
            places = torch.arange(T, device=device)[None]  # (1, T)
        if seen is None:
            seen = torch.ones(1, T, T, dtype=torch.bool, device=device).tril()
        x = self.embedding(tokens) + self.places(places.clamp(max=self.config.places - 1))
        for block in self.blocks:
            x = block(x, ~seen)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, states: Tensor) -> Tensor:
        """(…, D) → (…, V)"""
        return F.linear(states, self.embedding.weight)
