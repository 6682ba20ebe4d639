"""The FastConformer encoder.

Rekesh et al. 2023 (arXiv 2305.05084): a Conformer (Gulati et al. 2020) with convolutions in front
that subsample eightfold, all but the first depthwise: a memory position stands for 80 ms. Attention
uses relative positions (Dai et al. 2019, arXiv 1901.02860): a score is (q + u)·k for content plus
(q + v)·r for distance, where r is a projected sinusoid.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.families.common.blocks import ActivatedLinear
from attnasr_cli.nets.blocks import masked

BASE = 10_000.0
"""ratio of the slowest to the fastest sinusoid"""


class Stage(nn.Module):
    """Halves time and frequency: a depthwise 3 × 3 convolution, then a pointwise one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, F) → (B, C, T/2, F/2)"""
        return cast(Tensor, self.point(self.depth(x)))


class Front(nn.Module):
    """Features → frames at an eighth of the rate."""

    def __init__(self, bins: int, width: int, factor: int, channels: int) -> None:
        super().__init__()
        halvings = factor.bit_length() - 1
        self.first = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.stages = nn.ModuleList(Stage(channels) for _ in range(halvings - 1))
        self.out = nn.Linear(channels * (bins // factor), width)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, T, F), lengths (B,) → (B, S, D) and its lengths (B,)"""
        x = masked(features, lengths).to(self.first.weight.dtype)[:, None]  # (B, 1, T, F)
        x, lengths = F.relu(self.first(x)), (lengths + 1) // 2  # (B, C, T/2, F/2)
        for stage in self.stages:
            x, lengths = F.relu(stage(masked(x, lengths, 2))), (lengths + 1) // 2
        return self.out(x.transpose(1, 2).flatten(2)), lengths


def distances(size: int, width: int, like: Tensor) -> Tensor:
    """(2·size − 1, width): sinusoids of the distances size − 1 down to 1 − size, sine and cosine of
    each rate side by side."""
    rates = BASE ** (-torch.arange(0, width, 2, device=like.device).float() / width)
    places = torch.arange(size - 1, -size, -1, device=like.device).float()
    angles = places[:, None] * rates  # (2·size − 1, width / 2)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


class RelativeAttention(nn.Module):
    """Multi-head self-attention with relative positions."""

    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.distance = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=bias)
        self.content_bias = nn.Parameter(torch.zeros(heads, width // heads))
        self.distance_bias = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, table: Tensor, mask: Tensor | None) -> Tensor:
        """x (B, S, D), table (2S − 1, D) of ``distances``, mask (B, 1, 1, S) true where there is
        audio, None where all is → (B, S, D)"""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        r = self.distance(table).unflatten(-1, (self.heads, -1)).permute(1, 2, 0)  # (H, d, 2S − 1)
        scale = q.shape[-1] ** -0.5
        by_distance = ((q + self.distance_bias[:, None]) * scale).to(r.dtype) @ r
        bias = by_query(by_distance)  # (B, H, S, S)
        if mask is not None:
            bias = bias.masked_fill(~mask, float("-inf"))
        q = (q + self.content_bias[:, None]).to(k.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(k.dtype))
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


def by_query(scores: Tensor) -> Tensor:
    """Scores (…, S, 2S − 1) of distances S − 1 down to 1 − S → (…, S, S) of keys: query i is at
    distance i − j of key j. No number is moved: each row begins one place earlier than the last."""
    size = scores.shape[-2]
    if size == 1:
        return scores
    flat = scores.flatten(-2)[..., size - 1 : -1]  # distance 0 of query 0 comes after size − 1
    shifted: Tensor = flat.unflatten(-1, (size, 2 * size - 2))[..., :size]
    return shifted


class FixedNorm(nn.Module):
    """Batch normalisation with fixed statistics: a scale and a shift.

    The statistics stay fixed in fine-tuning, so that the result for an utterance does not depend on
    its batch.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.eps = 1e-5

    def folded(self, conv: nn.Conv1d) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution (C outputs) that is followed by this."""
        scale = self.weight * (self.variance + self.eps).rsqrt()
        offset = -self.mean if conv.bias is None else conv.bias - self.mean
        return conv.weight * scale[:, None, None], offset * scale + self.bias


class ConvModule(nn.Module):
    """Gated pointwise, depthwise over time, pointwise."""

    def __init__(self, width: int, kernel: int, bias: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2 * width, bias=bias)
        self.depth = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=bias)
        self.norm = FixedNorm(width)
        self.out = nn.Linear(width, width, bias=bias)

    def forward(self, x: Tensor, lengths: Tensor, padded: bool) -> Tensor:
        """x (B, S, D), lengths (B,), padded: whether any is shorter than S → (B, S, D)"""
        x = F.glu(self.gate(x), -1)
        if padded:
            x = masked(x, lengths)
        weight, bias = self.norm.folded(self.depth)
        weight, bias = weight.to(x.dtype), bias.to(x.dtype)
        x = F.conv1d(
            x.transpose(1, 2), weight, bias, padding=weight.shape[2] // 2, groups=x.shape[2]
        )
        return cast(Tensor, self.out(F.silu(x.transpose(1, 2))))


class FeedForward(nn.Module):
    """Two layers with a SiLU between."""

    def __init__(self, width: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.up = ActivatedLinear(width, hidden, "silu", bias)
        self.down = nn.Linear(hidden, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D)"""
        return cast(Tensor, self.down(self.up(x)))


class EncoderBlock(nn.Module):
    """Half feed-forward, attention, convolution, half feed-forward, each pre-normalised, and a
    final norm."""

    def __init__(
        self, width: int, hidden: int, heads: int, kernel: int, bias: bool, conv_bias: bool
    ) -> None:
        super().__init__()
        self.ff1_norm, self.ff1 = nn.LayerNorm(width), FeedForward(width, hidden, bias)
        self.attn_norm, self.attn = nn.LayerNorm(width), RelativeAttention(width, heads, bias)
        self.conv_norm, self.conv = nn.LayerNorm(width), ConvModule(width, kernel, conv_bias)
        self.ff2_norm, self.ff2 = nn.LayerNorm(width), FeedForward(width, hidden, bias)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, table: Tensor, mask: Tensor | None, lengths: Tensor) -> Tensor:
        """x (B, S, D) → (B, S, D); see ``RelativeAttention`` for table and mask"""
        x = x + 0.5 * self.ff1(self.ff1_norm(x))
        x = x + self.attn(self.attn_norm(x), table, mask)
        x = x + self.conv(self.conv_norm(x), lengths, mask is not None)
        x = x + 0.5 * self.ff2(self.ff2_norm(x))
        return cast(Tensor, self.norm(x))
