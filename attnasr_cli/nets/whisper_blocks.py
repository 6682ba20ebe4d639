"""The parts that Whisper's encoder and decoder are built of: attention and a block around it."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.nets.whisper_attention import mix
from attnasr_cli.nets.whisper_cache import Cache


class Projected(NamedTuple):
    """Keys and values of one layer's attention, (B, H, S, D/H) each."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Multi-head attention; what is attended to is given already projected."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.fused: nn.Module | None = None
        """query, key and value in one product, where a faster form of the net has it"""

    def split(self, x: Tensor) -> Tensor:
        """(B, n, D) → (B, H, n, D/H)"""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, n, D) → queries, keys, values (B, H, n, D/H), for attention to itself"""
        if self.fused is None:
            q, k, v = self.query(x), self.key(x), self.value(x)
        else:
            q, k, v = self.fused(x).chunk(3, -1)
        return self.split(q), self.split(k), self.split(v)

    def remember(self, frames: Tensor, dtype: torch.dtype | None = None) -> Projected:
        """frames (B, S, D) → what the queries of all steps will look at, kept in ``dtype``"""
        k, v = self.split(self.key(frames)), self.split(self.value(frames))
        return Projected(k.to(dtype or k.dtype).contiguous(), v.to(dtype or v.dtype).contiguous())

    def join(self, mixed: Tensor) -> Tensor:
        """(B, H, n, D/H) → (B, n, D), through the output projection"""
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


def look(queries: Tensor, memory: Projected) -> tuple[Tensor, Tensor]:
    """queries (B, H, n, D/H) → mixed values (B, H, n, D/H) and weights (B, H, n, S)"""
    queries = queries.to(memory.keys.dtype) * queries.shape[-1] ** -0.5
    weights = (queries @ memory.keys.transpose(-1, -2)).softmax(-1)
    return weights @ memory.values, weights


class Block(nn.Module):
    """Attention to itself, in the decoder attention to the memory, then a two-layer perceptron."""

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

    def listen(self, x: Tensor) -> Tensor:
        """Encoder: x (B, S, D) → (B, S, D)"""
        q, k, v = self.attn.project(self.attn_ln(x))
        x = x + self.attn.join(mix(q, k, v))
        return x + cast(Tensor, self.mlp(self.mlp_ln(x)))

    def write(
        self, x: Tensor, memory: Projected, cache: Cache | None, layer: int, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Decoder: x (R, n, D), new positions of R = B·K rows → (R, n, D) and, where wanted, the
        attention to the memory (B, H, K·n, S)."""
        assert self.cross_attn is not None
        assert self.cross_attn_ln is not None
        R, n, D = x.shape
        B = memory.keys.shape[0]
        q, k, v = self.attn.project(self.attn_ln(x))
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (R, H, seen + n, D/H)
        if n > 1:
            mask = torch.ones(n, k.shape[2], dtype=torch.bool, device=x.device)
            mask = mask.tril(k.shape[2] - n)
            mixed = F.scaled_dot_product_attention(q.to(k.dtype), k, v, attn_mask=mask)
        else:  # the fused kernel takes four times as long for a single query
            mixed, _ = look(q, Projected(k, v))
        x = x + self.attn.join(mixed)

        queries = self.cross_attn.query(self.cross_attn_ln(x))
        queries = self.cross_attn.split(queries.view(B, -1, D))  # beams ride on: (B, H, K·n, D/H)
        weights = None
        if want_weights or cache is not None:
            seen, weights = look(queries, memory)
        else:  # training keeps no weights
            seen = F.scaled_dot_product_attention(queries.to(memory.keys.dtype), *memory)
        x = x + self.cross_attn.join(seen).view(R, n, D)
        return x + cast(Tensor, self.mlp(self.mlp_ln(x))), weights
