"""Attention scores of the LSTM decoder: how well a query fits a memory position.

additive    v · tanh(W q + U k)                       Bahdanau et al. 2015, arXiv:1409.0473
location    additive, and it sees where it looked     Chorowski et al. 2015, arXiv:1506.07503
dot         (W q) · (U k)                             Luong et al. 2015, arXiv:1508.04025
multihead   scaled dot products in several heads      Vaswani et al. 2017, arXiv:1706.03762
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

KINDS = ("additive", "location", "dot", "multihead")


class Attention(nn.Module):
    """Weights over the memory, and the context that they pick. Beams ride on the query axis."""

    def __init__(self, kind: str, query_width: int, width: int, heads: int, kernel: int) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"attention is {kind!r}; use {', '.join(KINDS)}")
        self.kind, self.heads = kind, heads if kind == "multihead" else 1
        if width % self.heads:
            raise ValueError(f"{heads} heads do not divide the width {width}")
        self.query = nn.Linear(query_width, width)
        self.key = nn.Linear(width, width, bias=False)
        if kind in ("additive", "location"):
            self.v = nn.Linear(width, 1, bias=False)
        if kind == "location":
            self.conv = nn.Conv1d(1, 16, kernel, padding=kernel // 2)
            self.place = nn.Linear(16, width, bias=False)
        if kind == "multihead":
            self.value = nn.Linear(width, width)
            self.join = nn.Linear(width, width)

    def keys(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, S, D) → keys and values (B, S, D)."""
        return self.key(frames), self.value(frames) if self.kind == "multihead" else frames

    def forward(
        self, query: Tensor, keys: tuple[Tensor, Tensor], mask: Tensor, before: Tensor
    ) -> tuple[Tensor, Tensor]:
        """query (B, K, Q), mask (B, S), weights of the step before (B, K, S)
        → context (B, K, D), weights (B, K, H, S)."""
        key, value = keys
        q = self.query(query)  # (B, K, D)
        if self.kind in ("additive", "location"):
            terms = q[:, :, None] + key[:, None]  # (B, K, S, D)
            if self.kind == "location":
                B, K, S = before.shape
                seen = self.conv(before.reshape(B * K, 1, S)).transpose(1, 2)  # (B·K, S, 16)
                terms = terms + self.place(seen).view(B, K, S, -1)
            scores = self.v(torch.tanh(terms)).transpose(-1, -2)  # (B, K, 1, S)
        else:
            heads_q = q.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, K, d)
            heads_k = key.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, S, d)
            scale = heads_q.shape[-1] ** -0.5 if self.kind == "multihead" else 1.0
            scores = (heads_q @ heads_k.transpose(-1, -2) * scale).transpose(1, 2)  # (B, K, H, S)
        scores = scores.float().masked_fill(~mask[:, None, None], float("-inf"))
        weights = scores.softmax(-1)
        if self.kind == "multihead":
            heads_v = value.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, S, d)
            picked = weights.to(heads_v.dtype).transpose(1, 2) @ heads_v  # (B, H, K, d)
            context = self.join(picked.transpose(1, 2).flatten(2))
        else:
            context = weights[:, :, 0].to(value.dtype) @ value
        return context, weights
