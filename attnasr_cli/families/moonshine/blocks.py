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
from attnasr_cli.families.common.blocks import ActivatedLinear


@dataclass(frozen=True)
class PartialRotation:
    """Rotary positions (Su et al. 2021, arXiv:2104.09864) of the first channels of each head.

    Channels 2i and 2i + 1 are rotated together, as one complex number, in a single pass.
    The channels after the rotated ones are left as they are.
    """

    factors: Tensor
    """(n, d/2) complex; 1 for the channels that are not rotated"""

    @staticmethod
    def at(positions: Tensor, rotated: int, width: int, base: float) -> PartialRotation:
        """positions (n,) → angles of ``rotated`` of the ``width`` channels of a head."""
        device = positions.device
        rate = base ** (-torch.arange(0, rotated, 2, device=device).float() / rotated)
        angle = positions.float()[:, None] * rate  # (n, rotated/2)
        angle = F.pad(angle, (0, (width - rotated) // 2))
        return PartialRotation(torch.complex(angle.cos(), angle.sin()))

    def __call__(self, x: Tensor) -> Tensor:
        """(…, n, d) rotated by position."""
        pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
        return torch.view_as_real(pairs * self.factors).flatten(-2).to(x.dtype)


def norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, bias=False)


class EncoderBlock(nn.Module):
    """Self-attention, then feed-forward with a GELU, both pre-normalised."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.attn_norm, self.attn = norm(width), blocks.SelfAttention(width, heads)
        self.mlp_norm = norm(width)
        self.up, self.down = ActivatedLinear(width, hidden, "gelu"), nn.Linear(hidden, width)

    def forward(self, x: Tensor, rotation: PartialRotation, mask: Tensor | None) -> Tensor:
        """x (B, S, D), mask (B, 1, 1, S) true where there is audio → (B, S, D)"""
        q, k, v = self.attn.project(self.attn_norm(x), rotation)
        x = x + self.attn.join(F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
        return x + cast(Tensor, self.down(self.up(self.mlp_norm(x))))


class DecoderBlock(blocks.DecoderBlock):
    """A decoder layer with a gated feed-forward (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, width: int, hidden: int, heads: int, head: int | None = None) -> None:
        super().__init__(width, heads, head=head)
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def perceptron(self, x: Tensor) -> Tensor:
        value, gate = self.up(x).chunk(2, -1)
        return cast(Tensor, self.down(F.silu(gate) * value))
