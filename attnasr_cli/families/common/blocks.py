"""The layer of a Transformer decoder as the families' nets share it: normalised before each part,
self-attention over a cache, attention to the memory, a perceptron.

D width · d = D/H channels of a head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.nets.cache import Cache

Rotate = Callable[[Tensor], Tensor]
"""(…, n, d) queries or keys → the same, rotated by their positions"""


class Projected(NamedTuple):
    """Keys and values (B, H, S, d) of one layer's cross-attention."""

    keys: Tensor
    values: Tensor


class ActivatedLinear(nn.Linear):
    """A linear layer and the function behind it, which a CPU computes together."""

    def __init__(self, inside: int, outside: int, then: str, bias: bool = True) -> None:
        """then: ``relu``, ``gelu`` or ``silu``"""
        super().__init__(inside, outside, bias)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        return cast(Tensor, getattr(F, self.then)(super().forward(x)))


class FrameConv(nn.Conv1d):
    """A convolution over time on frames side by side, and the function behind it."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, then: str) -> None:
        """then: ``gelu``, ``silu`` or ``none``"""
        super().__init__(inside, outside, kernel, stride)
        self.then = then

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, (T − kernel) // stride + 1, C')"""
        y = super().forward(x.to(self.weight.dtype).transpose(1, 2)).transpose(1, 2)
        return y if self.then == "none" else cast(Tensor, getattr(F, self.then)(y))


class SelfAttention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int, bias: bool = False, head: int | None = None) -> None:
        """head: channels of each, the width divided among them where it is not given."""
        super().__init__()
        self.heads = heads
        inside = width if head is None else heads * head
        self.qkv = nn.Linear(width, 3 * inside, bias=bias)
        self.out = nn.Linear(inside, width, bias=bias)

    def project(self, x: Tensor, rotation: Rotate | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, n, D) → queries and keys, rotated where they are to be, and values, (B, H, n, d)
        each"""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rotated = qkv[:2] if rotation is None else rotation(qkv[:2])  # (2, B, H, n, d)
        return rotated[0], rotated[1], qkv[2]

    def join(self, mixed: Tensor) -> Tensor:
        """(B, H, n, d) → (B, n, D)"""
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


class CrossAttention(nn.Module):
    """Multi-head cross-attention from tokens to the memory. Beams share the query axis."""

    def __init__(self, width: int, heads: int, bias: bool = False, head: int | None = None) -> None:
        """head: channels of each, the width divided among them where it is not given."""
        super().__init__()
        self.heads = heads
        inside = width if head is None else heads * head
        self.query = nn.Linear(width, inside, bias=bias)
        self.kv = nn.Linear(width, 2 * inside, bias=bias)
        self.out = nn.Linear(inside, width, bias=bias)
        self.memory_dtype: torch.dtype | None = None
        """type in which keys and values are kept; None: that of the product"""

    def project_memory(self, frames: Tensor) -> Projected:
        """frames (B, S, D) → keys and values, computed once for all steps"""
        kv = self.kv(frames).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        kv = kv.to(self.memory_dtype or kv.dtype).contiguous()
        return Projected(kv[0], kv[1])

    def forward(
        self, x: Tensor, memory: Projected, mask: Tensor | None, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, n, D), mask (B, 1, 1, S) 0 where there is audio and −inf elsewhere, None where all
        is → (B, n, D) and, where wanted, the weights (B, H, n, S) in float32"""
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q = q.to(memory.keys.dtype)
        weights = None
        if want_weights:
            scores = (q * q.shape[-1] ** -0.5) @ memory.keys.transpose(-1, -2)
            if mask is not None:
                scores = scores + mask
            weights = scores.float().softmax(-1)
            mixed = weights.to(memory.values.dtype) @ memory.values
        else:
            mixed = F.scaled_dot_product_attention(q, *memory, attn_mask=mask)
        mixed = mixed.to(x.dtype)
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


class DecoderBlock(nn.Module, ABC):
    """One layer; a family adds its perceptron."""

    def __init__(self, width: int, heads: int, bias: bool = False, head: int | None = None) -> None:
        """bias: of the products in both attentions and of the normalisation; head: channels of
        each."""
        super().__init__()
        self.attn_norm = nn.LayerNorm(width, bias=bias)
        self.attn = SelfAttention(width, heads, bias, head)
        self.cross_norm = nn.LayerNorm(width, bias=bias)
        self.cross = CrossAttention(width, heads, bias, head)
        self.mlp_norm = nn.LayerNorm(width, bias=bias)

    @abstractmethod
    def perceptron(self, x: Tensor) -> Tensor:
        """(B, n, D) → (B, n, D)"""

    def forward(
        self,
        x: Tensor,
        rotation: Rotate | None,
        memory: Projected,
        mask: Tensor | None,
        cache: Cache | None,
        layer: int,
        hidden: Tensor | None,
        want_weights: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, K·n, D), n new positions of K rows an utterance → (B, K·n, D) and, where wanted,
        the attention to the memory (B, H, K·n, S). ``hidden`` (…, K·n, positions) is true where a
        row must not look at what was written."""
        q, k, v = self.attn.project(self.attn_norm(x), rotation)
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, H, (seen + n)·K, d)
        x = x + self.attn.join(attend_past(q, k, v, hidden).to(x.dtype))
        seen, weights = self.cross(self.cross_norm(x), memory, mask, want_weights)
        x = x + seen
        return x + self.perceptron(self.mlp_norm(x)), weights


def attend_past(q: Tensor, k: Tensor, v: Tensor, hidden: Tensor | None) -> Tensor:
    """Attention over the tokens so far: q (B, H, K·n, d), k and v (B, H, positions, d) → (B, H,
    K·n, d). ``hidden`` is true where a query must not attend."""
    sees = None if hidden is None else ~hidden
    return F.scaled_dot_product_attention(q.to(k.dtype), k, v, attn_mask=sees)
