"""Keys and values of the memory in the layout that a CPU reads fastest.

A step reads all of them once, 74 MB for eight windows of "tiny", with little computation. From
plain tensors, oneDNN reorders them at every step. Reordered once, they can only be used as weights
of a linear layer; so some heads share a layer, and the queries of each head are 0 at the keys of
the others. Multiplying by 0 is cheaper than one layer for each head.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attnasr_cli.nets.packed import order, product

HEADS = 4
"""most heads that share a layer: fewer mean more calls, more mean more products with 0"""
Layers = list[list[Tensor]]
"""for each utterance and each group of heads"""


class PackedMemory:
    """One layer's memory of B utterances; a leaf of the memory's tree of keys."""

    def __init__(self, keys: Layers, values: Layers, heads: int, dtype: torch.dtype) -> None:
        """heads: how many share a layer, G"""
        self.keys, self.values, self.heads, self.dtype = keys, values, heads, dtype

    @classmethod
    def of(
        cls,
        frames: Tensor,
        key: Callable[[Tensor], Tensor],
        value: Callable[[Tensor], Tensor],
        heads: int,
        dtype: torch.dtype,
    ) -> PackedMemory:
        """frames (B, S, D), the projections of keys and values, H, and what they are kept in"""
        shared = max(g for g in range(1, HEADS + 1) if heads % g == 0)
        keys, values = [], []
        for frame in frames:
            k, v = key(frame).to(dtype), value(frame).to(dtype).T  # (S, D), (D, S)
            keys.append([order(part.contiguous()) for part in k.chunk(heads // shared, 1)])
            values.append([order(part.contiguous()) for part in v.chunk(heads // shared, 0)])
        return cls(keys, values, shared, dtype)

    def cross_attention(self, queries: Tensor, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """queries (B, H, n, D/H) → mixed values (B, H, n, D/H) and weights (B, H, n, S)"""
        B, H, n, width = queries.shape
        G = self.heads
        own = torch.eye(G, dtype=self.dtype).view(G, 1, G, 1) * width**-0.5
        x = queries.to(self.dtype).reshape(B, H // G, G, n, 1, width) * own
        x = x.reshape(B, H // G, G * n, G * width)
        weights, mixed = [], []
        for utterance, keys, values in zip(x, self.keys, self.values, strict=True):
            for some, k, v in zip(utterance, keys, values, strict=True):
                w = product(some, k, None).softmax(-1)  # (G·n, S)
                mixed.append(product(w, v, None))  # (G·n, G·D/H)
                if want_weights:
                    weights.append(w)
        y = torch.stack(mixed).view(B, H // G, G, n, G, width)
        y = y.diagonal(0, 2, 4).permute(0, 1, 4, 2, 3).reshape(B, H, n, width)
        return y, torch.stack(weights).view(B, H, n, -1) if want_weights else None

    def reorder_rows(self, utterances: Tensor) -> PackedMemory:
        """The memory of these utterances; nothing is copied."""
        chosen = utterances.tolist()
        keys, values = ([parts[b] for b in chosen] for parts in (self.keys, self.values))
        return PackedMemory(keys, values, self.heads, self.dtype)

    def index_select(self, dim: int, utterances: Tensor) -> PackedMemory:
        """As ``reorder_rows``: a tensor's way of saying so."""
        assert dim == 0
        return self.reorder_rows(utterances)
