"""Layers of Moonshine's encoder and decoder, with partial rotary positions.

D width · d = D/H channels of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.families.common import blocks


@dataclass(frozen=True)
class PartialRotation:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864) of the first channels of each head.

    Channels 2i and 2i + 1 are rotated together; the channels after the rotated ones are left as
    they are (cos 1, sin 0).
    """

    cos: Tensor
    """(n, d)"""
    sin: Tensor
    """(n, d), negative for even channels"""

    @staticmethod
    def at(positions: Tensor, rotated: int, width: int, base: float) -> PartialRotation:
        """positions (n,) → angles of ``rotated`` of the ``width`` channels of a head."""
        device = positions.device
        rate = base ** (-torch.arange(0, rotated, 2, device=device).float() / rotated)
        angle = (positions.float()[:, None] * rate).repeat_interleave(2, -1)  # (n, rotated)
        angle = F.pad(angle, (0, width - rotated))
        sign = torch.tensor([-1.0, 1.0], device=device).repeat(width // 2)
        return PartialRotation(angle.cos(), angle.sin() * sign)

    def __call__(self, x: Tensor) -> Tensor:
        """(…, n, d) rotated by position."""
        swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        rotated: Tensor = x * self.cos.to(x.dtype) + swapped * self.sin.to(x.dtype)
        return rotated


def norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, bias=False)


class EncoderBlock(nn.Module):
    """Self-attention, then feed-forward with a GELU, both pre-normalised."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.attn_norm, self.attn = norm(width), blocks.SelfAttention(width, heads)
        self.mlp_norm = norm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, rotation: PartialRotation, mask: Tensor | None) -> Tensor:
        """x (B, S, D), mask (B, 1, 1, S) true where there is audio → (B, S, D)"""
        q, k, v = self.attn.project(self.attn_norm(x), rotation)
        x = x + self.attn.join(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
        return x + cast(Tensor, self.down(F.gelu(self.up(self.mlp_norm(x)))))


class DecoderBlock(blocks.DecoderBlock):
    """A decoder layer with a gated feed-forward (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, heads: int, head: int | None = None) -> None:
        super().__init__(width, heads, head=head)
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def perceptron(self, x: Tensor) -> Tensor:
        value, gate = self.up(x).chunk(2, -1)
        return cast(Tensor, self.down(F.silu(gate) * value))
