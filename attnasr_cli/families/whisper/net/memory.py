"""Keys and values of the memory in the layout that a CPU reads fastest.

A step reads all of them once, 74 MB for eight windows of "tiny" in bfloat16, with little
computation. From plain tensors in bfloat16, oneDNN reorders them at every step. Reordered once,
they can only be used as weights of a linear layer; so some heads share a layer, and the queries of
each head are 0 at the keys of the others. Multiplying by 0 is cheaper than one layer for each head.

In float32 a product for each head is faster (2.0 against 0.9 ms for one query, a window and a layer
of "tiny" on a core with AVX2).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from attnasr_cli.nets.packed import order, product

HEADS = 4
"""most heads that share a layer: fewer mean more calls, more mean more products with 0"""
Kept = TypeVar("Kept")
Projection = Callable[[Tensor], Tensor]


class StepMemory(ABC, Generic[Kept]):
    """One layer's memory of B utterances, for the steps of a decoder; a leaf of the memory's tree
    of keys."""

    def __init__(self, keys: Sequence[Kept], values: Sequence[Kept], heads: int) -> None:
        """What is kept of each utterance; heads: of the attention, H"""
        self.keys, self.values, self.heads = list(keys), list(values), heads

    @classmethod
    def of(
        cls, frames: Tensor, key: Projection, value: Projection, heads: int, dtype: torch.dtype
    ) -> StepMemory[Kept]:
        """frames (B, S, D), the projections of keys and values, H, and what they are kept in"""
        keys: list[Kept] = []
        values: list[Kept] = []
        for frame in frames:
            keys.append(cls.kept_keys(key(frame).to(dtype), heads))
            values.append(cls.kept_values(value(frame).to(dtype), heads))
        return cls(keys, values, heads)

    @staticmethod
    @abstractmethod
    def kept_keys(keys: Tensor, heads: int) -> Kept:
        """Those of one utterance (S, D)."""

    @staticmethod
    @abstractmethod
    def kept_values(values: Tensor, heads: int) -> Kept:
        """Those of one utterance (S, D)."""

    @abstractmethod
    def cross_attention(self, queries: Tensor, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        """queries (B, H, n, D/H) → mixed values (B, H, n, D/H) and weights (B, H, n, S)"""

    def reorder_rows(self, utterances: Tensor) -> StepMemory[Kept]:
        """The memory of these utterances; nothing is copied."""
        chosen = utterances.tolist()
        keys, values = ([parts[b] for b in chosen] for parts in (self.keys, self.values))
        return type(self)(keys, values, self.heads)

    def index_select(self, dim: int, utterances: Tensor) -> StepMemory[Kept]:
        """As ``reorder_rows``: a tensor's way of saying so."""
        assert dim == 0
        return self.reorder_rows(utterances)


class PackedMemory(StepMemory[list[Tensor]]):
    """In the processor's own order, for each group of heads."""

    @staticmethod
    def kept_keys(keys: Tensor, heads: int) -> list[Tensor]:
        return [order(part.contiguous()) for part in keys.chunk(heads // together(heads), 1)]

    @staticmethod
    def kept_values(values: Tensor, heads: int) -> list[Tensor]:
        return [order(part.contiguous()) for part in values.T.chunk(heads // together(heads), 0)]

    def cross_attention(self, queries: Tensor, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        B, H, n, width = queries.shape
        G, dtype = together(H), self.keys[0][0].dtype
        own = torch.eye(G, dtype=dtype).view(G, 1, G, 1) * width**-0.5
        x = queries.to(dtype).reshape(B, H // G, G, n, 1, width) * own
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


class HeadMemory(StepMemory[Tensor]):
    """For each head, the positions of each number side by side (H, D/H, S); products are computed
    in float32. In float16 half as much is read, and turned into float32 in the cache."""

    @staticmethod
    def kept_keys(keys: Tensor, heads: int) -> Tensor:
        return keys.T.contiguous().view(heads, -1, keys.shape[0])

    @staticmethod
    def kept_values(values: Tensor, heads: int) -> Tensor:
        return values.T.contiguous().view(heads, -1, values.shape[0])

    def cross_attention(self, queries: Tensor, want_weights: bool) -> tuple[Tensor, Tensor | None]:
        scaled = queries.float() * queries.shape[-1] ** -0.5
        weights, mixed = [], []
        for some, k, v in zip(scaled, self.keys, self.values, strict=True):
            w = torch.bmm(some, k.float()).softmax(-1)  # (H, n, S)
            mixed.append(torch.bmm(w, v.float().transpose(1, 2)))  # (H, n, D/H)
            if want_weights:
                weights.append(w)
        return torch.stack(mixed), torch.stack(weights) if want_weights else None


def together(heads: int) -> int:
    """How many heads share a layer, G."""
    return max(g for g in range(1, HEADS + 1) if heads % g == 0)
