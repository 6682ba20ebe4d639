"""A small Transformer over subwords that gives the probability of a text (Vaswani et al. 2017, with
the norm before each part, gated perceptrons and rotary positions).

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
    hidden: int = 704
    """of a perceptron, which has three matrices"""


class Block(nn.Module):
    """Attention to earlier tokens, then a gated perceptron (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: NeuralConfig) -> None:
        super().__init__()
        D = config.width
        self.heads = config.heads
        self.norm = nn.RMSNorm(D)
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.out = nn.Linear(D, D, bias=False)
        self.norm_mlp = nn.RMSNorm(D)
        self.gate = nn.Linear(D, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, D, bias=False)

    def forward(self, x: Tensor, turn: Tensor, seen: Tensor | None) -> Tensor:
        """x (B, T, D); turn (B, T, D/H) and seen (B, T, T) as in ``NeuralLm.forward``."""
        B, T, D = x.shape
        qkv = self.qkv(self.norm(x)).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, D/H) each
        q, k = rotated(q, turn), rotated(k, turn)
        mask = None if seen is None else seen[:, None]
        mixed = F.scaled_dot_product_attention(q, k, v, mask, is_causal=seen is None)
        x = x + self.out(mixed.transpose(1, 2).reshape(B, T, D))
        value, gate = self.gate(self.norm_mlp(x)).chunk(2, -1)  # (B, T, hidden) each
        return x + self.down(F.silu(gate) * value)


class NeuralLm(nn.Module):
    """The net; the output layer has the weights of the embedding."""

    def __init__(self, config: NeuralConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.pieces, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width)
        nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(
        self, tokens: Tensor, places: Tensor | None = None, seen: Tensor | None = None
    ) -> Tensor:
        """tokens (B, T) → states (B, T, D) after each token.

        places (B, T): how many tokens are before each, T in a row if None. seen (B, T, T) bool:
        which tokens (last axis) each may attend to, itself among them; those before it if None.
        """
        if places is None:
            places = torch.arange(tokens.shape[1], device=tokens.device)[None]  # (1, T)
        half = self.config.width // self.config.heads // 2
        turn = angles(places, half)  # (B, T, half)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, turn, seen)
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, states: Tensor) -> Tensor:
        """(…, D) → (…, V)"""
        return F.linear(states, self.embedding.weight)


def angles(places: Tensor, half: int) -> Tensor:
    """places (B, T) → the angle of each pair of numbers (B, T, half)."""
    speeds = 10_000.0 ** (-torch.arange(half, device=places.device) / half)
    return places[..., None] * speeds


def rotated(x: Tensor, turn: Tensor) -> Tensor:
    """x (B, H, T, 2·half) turned by angles (B, T, half) (Su et al. 2021, arXiv:2104.09864)."""
    cos, sin = turn.cos()[:, None].to(x.dtype), turn.sin()[:, None].to(x.dtype)  # (B, 1, T, half)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)
