"""The parts of Moonshine's encoder and decoder: attention with partial rotary positions, a block.

D width · d = D/H channels of a head.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.nets.cache import Cache

FEW = 8
"""queries up to which plain products are faster than the fused kernel"""


class Turn(NamedTuple):
    """Rotary positions (Su et al. 2021, arXiv:2104.09864) of the first channels of each head.

    Channels 2i and 2i + 1 turn together; those behind the rotated ones stand still (cos 1, sin 0).
    """

    cos: Tensor
    """(n, d)"""
    sin: Tensor
    """(n, d), negative for even channels"""

    @staticmethod
    def at(positions: Tensor, rotated: int, width: int, base: float) -> Turn:
        """positions (n,) → angles of ``rotated`` of the ``width`` channels of a head."""
        device = positions.device
        rate = base ** (-torch.arange(0, rotated, 2, device=device).float() / rotated)
        angle = (positions.float()[:, None] * rate).repeat_interleave(2, -1)  # (n, rotated)
        angle = F.pad(angle, (0, width - rotated))
        sign = torch.tensor([-1.0, 1.0], device=device).repeat(width // 2)
        return Turn(angle.cos(), angle.sin() * sign)

    def __call__(self, x: Tensor) -> Tensor:
        """(…, n, d) rotated by position."""
        swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        rotated: Tensor = x * self.cos.to(x.dtype) + swapped * self.sin.to(x.dtype)
        return rotated


class Projected(NamedTuple):
    """Keys and values of one layer's attention to the memory, (B, H, S, d) each."""

    keys: Tensor
    values: Tensor


class SelfAttention(nn.Module):
    """Multi-head attention of positions to each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def project(self, x: Tensor, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, n, D) → queries and keys, rotated, and values, (B, H, n, d) each"""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        turned = turn(qkv[:2])  # (2, B, H, n, d)
        return turned[0], turned[1], qkv[2]

    def join(self, mixed: Tensor) -> Tensor:
        """(B, H, n, d) → (B, n, D)"""
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


class CrossAttention(nn.Module):
    """Multi-head attention from tokens to the memory. Beams ride on the query axis."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def remember(self, frames: Tensor) -> Projected:
        """frames (B, S, D) → what the queries of all steps look at"""
        kv = self.kv(frames).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).contiguous()
        return Projected(kv[0], kv[1])

    def forward(
        self, x: Tensor, memory: Projected, mask: Tensor | None, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """x (B, n, D), mask (B, 1, 1, S) true where there is audio, None where all is → (B, n, D)
        and, where wanted, the weights (B, H, n, S) in float32"""
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q = q.to(memory.keys.dtype)
        weights = None
        if want_weights or q.shape[2] <= FEW:
            scores = (q * q.shape[-1] ** -0.5) @ memory.keys.transpose(-1, -2)
            if mask is not None:
                scores = scores.masked_fill(~mask, float("-inf"))
            weights = scores.float().softmax(-1)
            mixed = weights.to(memory.values.dtype) @ memory.values
        else:
            mixed = F.scaled_dot_product_attention(q, *memory, attn_mask=mask)
        mixed = mixed.to(x.dtype)
        return self.out(mixed.transpose(1, 2).flatten(2)), weights


def norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, bias=False)


class EncoderBlock(nn.Module):
    """Attention of all to all, then a perceptron with a GELU; each normalises what it reads."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.attn_norm, self.attn = norm(width), SelfAttention(width, heads)
        self.mlp_norm = norm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, turn: Turn, mask: Tensor | None) -> Tensor:
        """x (B, S, D), mask (B, 1, 1, S) true where there is audio → (B, S, D)"""
        q, k, v = self.attn.project(self.attn_norm(x), turn)
        x = x + self.attn.join(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
        return x + cast(Tensor, self.down(F.gelu(self.up(self.mlp_norm(x)))))


class DecoderBlock(nn.Module):
    """Attention to what was written, to the memory, then a perceptron with a gate (Shazeer 2020,
    arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.attn_norm, self.attn = norm(width), SelfAttention(width, heads)
        self.cross_norm, self.cross = norm(width), CrossAttention(width, heads)
        self.mlp_norm = norm(width)
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(
        self,
        x: Tensor,
        turn: Turn,
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
        q, k, v = self.attn.project(self.attn_norm(x), turn)
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (B, H, (seen + n)·K, d)
        if cache is None or q.shape[2] > cache.beams:
            sees = None if hidden is None else ~hidden
            mixed = F.scaled_dot_product_attention(q.to(k.dtype), k, v, attn_mask=sees)
        else:  # the fused kernel takes longer for a single position
            scores = (q.to(k.dtype) * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            if hidden is not None:
                scores = scores.masked_fill_(hidden, float("-inf"))
            mixed = scores.softmax(-1) @ v
        x = x + self.attn.join(mixed.to(x.dtype))
        seen, weights = self.cross(self.cross_norm(x), memory, mask, want_weights)
        x = x + seen
        value, gate = self.up(self.mlp_norm(x)).chunk(2, -1)
        return x + cast(Tensor, self.down(F.silu(gate) * value)), weights
