"""Layers of Whisper's encoder and decoder: attention, and the block around it."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.families.whisper.net.attention import full_attention
from attnasr_cli.families.whisper.net.memory import StepMemory
from attnasr_cli.nets.cache import Cache

POSITIONS = 500
"""positions at a time in the feed-forward; 500 · 1536 values of 2 bytes are 1.5 MB ("tiny")"""


def in_pieces(x: Tensor) -> bool:
    """Whether large results are computed in pieces and overwritten: on a CPU, where allocating new
    memory is slow and recent results are still in the cache. Not in training, which needs all of
    them."""
    return x.device.type == "cpu" and not torch.is_grad_enabled()


class Projected(NamedTuple):
    """Keys and values of one layer's attention, (B, H, S, D/H) each."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Multi-head attention to keys and values that are projected beforehand."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """(B, n, D) → (B, H, n, D/H)"""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, n, D) → queries, keys, values (B, H, n, D/H), for attention to itself"""
        q, k, v = self.query(x), self.key(x), self.value(x)
        return self.split(q), self.split(k), self.split(v)

    def project_memory(self, frames: Tensor, dtype: torch.dtype | None = None) -> Projected:
        """frames (B, S, D) → keys and values for all steps, stored in ``dtype``"""
        return Projected(self._kept(self.key, frames, dtype), self._kept(self.value, frames, dtype))

    def _kept(self, layer: nn.Module, frames: Tensor, dtype: torch.dtype | None) -> Tensor:
        """frames (B, S, D) → (B, H, S, D/H), each head in one piece"""
        if not in_pieces(frames):
            x = self.split(layer(frames))
            return x.to(dtype or x.dtype).contiguous()
        kept: Tensor | None = None
        for b, one in enumerate(frames.split(1)):
            x = self.split(layer(one))
            if kept is None:
                kept = x.new_empty((frames.shape[0], *x.shape[1:]), dtype=dtype)
            kept[b] = x[0]
        assert kept is not None
        return kept

    def join(self, mixed: Tensor) -> Tensor:
        """(B, H, n, D/H) → (B, n, D), through the output projection"""
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


def cross_attention(
    queries: Tensor, memory: Projected, hidden: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """queries (B, H, n, D/H) → mixed values (B, H, n, D/H) and weights (B, H, n, S); ``hidden``
    (B, 1, n, S) is true where a query must not look."""
    queries = queries.to(memory.keys.dtype) * queries.shape[-1] ** -0.5
    scores = queries @ memory.keys.transpose(-1, -2)
    if hidden is not None:
        scores = scores.masked_fill_(hidden, float("-inf"))
    weights = scores.softmax(-1)
    return weights @ memory.values, weights


class Block(nn.Module):
    """Self-attention, in the decoder cross-attention, then a two-layer feed-forward."""

    def __init__(self, width: int, heads: int, cross: bool) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.cross_attn = Attention(width, heads) if cross else None
        self.cross_attn_ln = nn.LayerNorm(width) if cross else None
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def encode(self, x: Tensor) -> Tensor:
        """Encoder: x (B, S, D) → (B, S, D); x may be written over."""
        q, k, v = self.attn.project(self.attn_ln(x))
        mixed = self.attn.join(full_attention(q, k, v))
        if not in_pieces(x):
            x = x + mixed
            return x + cast(Tensor, self.mlp(self.mlp_ln(x)))
        x += mixed
        for some in x.split(POSITIONS, 1):
            some += self.mlp(self.mlp_ln(some))
        return x

    def decode(
        self,
        x: Tensor,
        memory: Projected | StepMemory[Any],
        cache: Cache | None,
        layer: int,
        hidden: Tensor | None,
        want_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Decoder: x (B, K·n, D), n new positions of K rows an utterance → (B, K·n, D) and, where
        wanted, the attention to the memory (B, H, K·n, S). ``hidden`` (…, K·n, positions) is true
        where a row must not look at what was written."""
        assert self.cross_attn is not None
        assert self.cross_attn_ln is not None
        q, k, v = self.attn.project(self.attn_ln(x))
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, H, (seen + n)·K, D/H)
        if cache is None or q.shape[2] > cache.beams:
            mask = None if hidden is None else ~hidden
            mixed = F.scaled_dot_product_attention(q.to(k.dtype), k, v, attn_mask=mask)
        else:  # the fused kernel takes four times as long for a single position
            mixed, _ = cross_attention(q, Projected(k, v), hidden)
        x = x + self.attn.join(mixed.to(q.dtype))  # a cache may be in another type

        queries = self.cross_attn.split(self.cross_attn.query(self.cross_attn_ln(x)))
        weights = None
        if isinstance(memory, StepMemory):
            seen, weights = memory.cross_attention(queries, want_weights)
        elif want_weights or cache is not None:
            seen, weights = cross_attention(queries, memory)
        else:  # training keeps no weights
            seen = F.scaled_dot_product_attention(queries.to(memory.keys.dtype), *memory)
        x = x + self.cross_attn.join(seen)
        return x + cast(Tensor, self.mlp(self.mlp_ln(x))), weights
