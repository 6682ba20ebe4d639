"""Layers that the nets share: masked subsampling, rotary positions, attention, feed-forward."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.nets import alone
from attnasr_cli.nets.past import Read
from attnasr_cli.nets.precision import keep_float32
from attnasr_cli.nets.protocol import length_mask


class Dropout(nn.Module):
    """Dropout whose masks on a CPU come from random bytes, eight to a number drawn.

    The CPU generator is serial and took 30 % of a training step. The probability is rounded to a
    multiple of 1/256, and the scale follows the rounded value so that the mean is kept.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.dropped = round(probability * 256)  # of 256 byte values

    def forward(self, x: Tensor) -> Tensor:
        """x of any shape → the same, with elements dropped while training."""
        if not self.training or not self.dropped:
            return x
        if x.is_cuda:
            return F.dropout(x, self.dropped / 256)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        keep = (words.view(torch.uint8)[: x.numel()] >= self.dropped).view(x.shape)
        return x * keep.to(x.dtype).mul_(256 / (256 - self.dropped))


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled dot-product attention: q (…, n, d), k and v (…, m, d) → (…, n, d). The mask broadcasts
    to (…, n, m) and is true where a query may attend.

    Written out while training on a CPU, where its backward is several times faster than that of the
    fused kernel at the lengths of a segment (measured at 100 to 250 positions).
    """
    if q.is_cuda or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores: Tensor = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ v


def masked(x: Tensor, lengths: Tensor, axis: int = 1) -> Tensor:
    """Zero the padding of x along a time axis; lengths (B,)."""
    mask = length_mask(lengths, x.shape[axis])
    shape = [1] * x.dim()
    shape[0], shape[axis] = mask.shape
    return x * mask.view(shape).to(x.dtype)


class Subsampling(nn.Module):
    """Strided 3 × 3 convolutions over time and frequency, each halving both.

    (B, T, F) → (B, ceil(T / factor), D). Padding is zeroed before every convolution.
    """

    def __init__(self, bins: int, width: int, factor: int, channels: int) -> None:
        super().__init__()
        stages = {2: 1, 4: 2, 8: 3}.get(factor)
        if stages is None:
            raise ValueError(f"subsampling must be 2, 4 or 8, not {factor}")
        sizes = [1, *(min(channels << i, 4 * channels) for i in range(stages))]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(sizes)
        )
        for _ in range(stages):
            bins = (bins + 1) // 2
        self.out = nn.Linear(sizes[-1] * bins, width)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, T, F), lengths (B,) → (B, S, D) and its lengths (B,)"""
        x = features[:, None].to(memory_format=torch.channels_last)  # (B, 1, T, F)
        with keep_float32(x):
            for conv in self.convs:
                x = F.silu(conv(masked(x, lengths, 2)))  # (B, C, T/2, F/2)
                lengths = (lengths + 1) // 2
            x = x.permute(0, 2, 3, 1).flatten(2)  # (B, S, F'·C)
            return masked(self.out(x), lengths), lengths


class Rotation(NamedTuple):
    """Rotary positions (Su et al. 2021, arXiv:2104.09864): cos and sin, each (n, D/H)."""

    cos: Tensor
    sin: Tensor

    @staticmethod
    def at(positions: Tensor, head_width: int) -> Rotation:
        """positions (n,) → angles of every pair of channels."""
        half = head_width // 2
        rate = 10_000.0 ** (-torch.arange(half, device=positions.device).float() / half)
        angle = positions.float()[:, None] * rate  # (n, half)
        angle = torch.cat([angle, angle], -1)
        return Rotation(angle.cos(), angle.sin())

    def apply_rotary(self, x: Tensor) -> Tensor:
        """(…, n, D/H) rotated by position."""
        a, b = x.chunk(2, -1)
        turned = torch.cat([-b, a], -1)
        return x * self.cos.to(x.dtype) + turned * self.sin.to(x.dtype)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, n, D) → (B, H, n, D/H)"""
    split: Tensor = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return split


def join_heads(x: Tensor) -> Tensor:
    """(B, H, n, D/H) → (B, n, D)"""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product self-attention (Vaswani et al. 2017, arXiv:1706.03762) with
    rotary positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, rotation: Rotation, mask: Tensor) -> Tensor:
        """x (B, n, D) → (B, n, D). The mask broadcasts to (B, H, n, n) and is true where a position
        may be attended to."""
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, -1))
        exact = x.device.type == "cpu" and not torch.is_grad_enabled()
        attend = alone.attention if exact else attention
        seen = attend(rotation.apply_rotary(q), rotation.apply_rotary(k), v, mask)
        out: Tensor = self.out(join_heads(seen))
        return out

    def extend(
        self, x: Tensor, rotation: Rotation, read: Read
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """New positions x (R, n, D) after what was read → (R, n, D), and keys and values of all."""
        R, n, _ = x.shape
        B = read.keys.shape[0]
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, -1))
        q, k = rotation.apply_rotary(q), rotation.apply_rotary(k)  # (R, H, n, D/H)

        def of_utterance(part: Tensor) -> Tensor:
            """(R, H, n, D/H) → (B, H, K·n, D/H)"""
            joined: Tensor = part.unflatten(0, (B, R // B)).transpose(1, 2).flatten(2, 3)
            return joined

        seen, new = read.attend(of_utterance(q), of_utterance(k), of_utterance(v))
        out: Tensor = self.out(join_heads(seen).view(R, n, -1))
        return out, new


class CrossAttention(nn.Module):
    """Multi-head attention from tokens to memory. Beams ride on the query axis."""

    def __init__(self, width: int, memory_width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.kv = nn.Linear(memory_width, 2 * width)
        self.out = nn.Linear(width, width)

    def keys(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """frames (B, S, D) → keys and values (B, H, S, D/H), computed once."""
        k, v = (split_heads(part, self.heads) for part in self.kv(frames).chunk(2, -1))
        if torch.is_grad_enabled():
            return k, v
        return k.contiguous(), v.contiguous()  # otherwise every step of a search copies them

    def forward(self, x: Tensor, keys: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """x (B, n, D) → (B, n, D), with the fused kernel, which returns no weights; mask (B, S)."""
        q = split_heads(self.query(x), self.heads)
        seen = attention(q, keys[0].to(q.dtype), keys[1].to(q.dtype), mask[:, None, None])
        out: Tensor = self.out(join_heads(seen))
        return out

    def weights(self, x: Tensor, keys: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """x (B, n, D) → (B, H, n, S), zero on padding."""
        q = split_heads(self.query(x), self.heads)  # (B, H, n, D/H)
        scores: Tensor = (q * q.shape[-1] ** -0.5) @ keys[0].to(q.dtype).transpose(-1, -2)
        return scores.float().masked_fill(~mask[:, None, None], float("-inf")).softmax(-1)

    def cross_attention(
        self, x: Tensor, keys: tuple[Tensor, Tensor], mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x (B, n, D) → context (B, n, D) and weights (B, H, n, S)."""
        weights = self.weights(x, keys, mask)
        seen = weights.to(keys[1].dtype) @ keys[1]
        return self.out(join_heads(seen)), weights


class FeedForward(nn.Module):
    """Two layers with a SiLU between."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D)"""
        with keep_float32(x):
            hidden = self.dropout(F.silu(self.up(x.to(self.up.weight.dtype))))
            out: Tensor = self.down(hidden)
            return out
