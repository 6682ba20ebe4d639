"""Conformer encoder (Gulati et al. 2020, arXiv:2005.08100) with rotary positions, and the
Transformer decoder. Layer norm stands in the convolution module in place of batch norm, so that
an utterance alone gives what it gives in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.audio.frames import FRAME_S
from attnasr_cli.nets.blocks import (
    Dropout,
    FeedForward,
    Rotation,
    SelfAttention,
    Subsampling,
    masked,
)
from attnasr_cli.nets.ctc import InnerCtc
from attnasr_cli.nets.precision import keep_float32
from attnasr_cli.nets.protocol import Memory, length_mask
from attnasr_cli.nets.transformer_decoder import AttentionDecoderNet


@dataclass(frozen=True)
class ConformerConfig:
    """Sizes of a Conformer."""

    vocab: int
    """tokens, the CTC blank (0) included"""
    bins: int = 80
    """mel bins of the features"""
    width: int = 256
    """D of encoder and decoder"""
    heads: int = 4
    """attention heads; D/H must be even"""
    layers: int = 12
    """encoder layers"""
    hidden: int = 1024
    """inner width of every feed-forward"""
    kernel: int = 15
    """frames that the depthwise convolution spans; odd"""
    subsampling: int = 4
    """feature frames per memory position: 2, 4 or 8"""
    channels: int = 32
    """channels of the first subsampling convolution"""
    decoder_layers: int = 3
    """decoder layers"""
    dropout: float = 0.1
    """dropped activations while training"""
    ctc: bool = True
    """a CTC head on the encoder"""
    inner_ctc: tuple[int, ...] = ()
    """encoder layers (from 1) after which a CTC head stands inside; needs ctc"""
    half: tuple[int, ...] = ()
    """first and last encoder layer (from 1) that run at half the rate, or empty for none"""


class ConvModule(nn.Module):
    """Gated pointwise, depthwise over time, pointwise."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, not {kernel}")
        self.gate = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x (B, S, D), lengths (B,) → (B, S, D)"""
        with keep_float32(x):
            x = masked(F.glu(self.gate(x), -1), lengths)  # (B, S, D), silent padding
            x = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
            out: Tensor = self.out(F.silu(self.norm(x)))
            return out


class ConformerLayer(nn.Module):
    """Half feed-forward, attention, convolution, half feed-forward, norm."""

    def __init__(self, c: ConformerConfig) -> None:
        super().__init__()
        self.norm_ff1, self.ff1 = nn.LayerNorm(c.width), FeedForward(c.width, c.hidden, c.dropout)
        self.norm_attention = nn.LayerNorm(c.width)
        self.attention = SelfAttention(c.width, c.heads)
        self.norm_conv, self.conv = nn.LayerNorm(c.width), ConvModule(c.width, c.kernel)
        self.norm_ff2, self.ff2 = nn.LayerNorm(c.width), FeedForward(c.width, c.hidden, c.dropout)
        self.norm = nn.LayerNorm(c.width)
        self.dropout = Dropout(c.dropout)
        # Every residual branch starts at zero, so that the net begins as its convolutions and its
        # head, and a deep net leaves the plateau of blanks as early as a shallow one.
        for last in (self.ff1.down, self.attention.out, self.conv.out, self.ff2.down):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor, rotation: Rotation, mask: Tensor, lengths: Tensor) -> Tensor:
        """x (B, S, D), mask (B, 1, 1, S) true where valid, lengths (B,) → (B, S, D)"""
        x = x + 0.5 * self.dropout(self.ff1(self.norm_ff1(x)))
        attended = self.attention(self.norm_attention(x), rotation, mask)
        x = x + self.dropout(attended)
        x = x + self.dropout(self.conv(self.norm_conv(x), lengths))
        x = x + 0.5 * self.dropout(self.ff2(self.norm_ff2(x)))
        out: Tensor = self.norm(x)
        return out


class HalfRate(nn.Module):
    """Runs some layers at half the frame rate, at half the cost: pairs of frames are merged before
    them and split again after.

    The temporal U-net of Squeezeformer (Kim et al. 2022, arXiv:2206.00888).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.join = nn.Linear(2 * width, width)
        self.split = nn.Linear(width, width)

    def down(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, S, D) → (B, ceil(S / 2), D)"""
        x = F.pad(masked(x, lengths), (0, 0, 0, x.shape[1] % 2))
        with keep_float32(x):  # else the sum that runs through the layers would be rounded in each
            joined: Tensor = self.join(x.unflatten(1, (-1, 2)).flatten(2))
        return joined, (lengths + 1) // 2

    def up(self, x: Tensor, before: Tensor) -> Tensor:
        """x (B, ceil(S / 2), D) at the full rate again, added to ``before`` (B, S, D)."""
        doubled: Tensor = self.split(x).repeat_interleave(2, 1)  # (B, S or S + 1, D)
        return before + doubled[:, : before.shape[1]]


class ConformerEncoder(nn.Module):
    """Subsampling, then Conformer layers: (B, T, F) → (B, S, D)."""

    def __init__(self, c: ConformerConfig) -> None:
        super().__init__()
        if c.half and not (len(c.half) == 2 and 1 <= c.half[0] <= c.half[1] <= c.layers):
            raise ValueError(f"half is {c.half}, not a first and a last layer of 1 to {c.layers}")
        first, last = c.half or (0, -1)
        if any(first <= i <= last for i in c.inner_ctc):
            raise ValueError("inner_ctc must stand outside the layers at half rate")
        self.first_half, self.last_half = first, last
        self.half_rate = HalfRate(c.width) if c.half else None
        self.head_width = c.width // c.heads
        self.front = Subsampling(c.bins, c.width, c.subsampling, c.channels)
        self.dropout = Dropout(c.dropout)
        self.layers = nn.ModuleList(ConformerLayer(c) for _ in range(c.layers))
        self.inner = nn.ModuleDict({str(i): InnerCtc(c.width, c.vocab) for i in c.inner_ctc})

    def forward(
        self, features: Tensor, lengths: Tensor, head: nn.Linear | None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """features (B, T, F), lengths (B,) → frames (B, S, D), their lengths (B,), and the logits
        (B, S, V) of the inner heads; head: the CTC head, which these share."""
        x, lengths = self.front(features, lengths)
        full = _Places.of(x, lengths, self.head_width)
        x, here = self.dropout(x), full
        inner: list[Tensor] = []
        for i, layer in enumerate(self.layers, 1):
            if self.half_rate is not None and i == self.first_half:
                before = x
                x, halved = self.half_rate.down(x, lengths)
                here = _Places.of(x, halved, self.head_width)
            x = layer(x, here.rotation, here.mask, here.lengths)
            if self.half_rate is not None and i == self.last_half:
                x, here = self.half_rate.up(x, before), full
            if str(i) in self.inner and head is not None:
                x, logits = self.inner[str(i)](x, head)
                inner.append(logits)
        return masked(x, lengths), lengths, inner


class _Places(NamedTuple):
    """Mask and rotary positions of the frames at one rate."""

    rotation: Rotation
    mask: Tensor
    """(B, 1, 1, S)"""
    lengths: Tensor

    @staticmethod
    def of(x: Tensor, lengths: Tensor, head_width: int) -> _Places:
        """Of frames x (B, S, D) with lengths (B,)."""
        size = x.shape[1]
        rotation = Rotation.at(torch.arange(size, device=x.device), head_width)
        return _Places(rotation, length_mask(lengths, size)[:, None, None], lengths)


class Conformer(AttentionDecoderNet):
    """Conformer encoder, Transformer decoder, optional CTC heads."""

    name: ClassVar[str] = "conformer"
    Config: ClassVar[type] = ConformerConfig

    def __init__(self, config: ConformerConfig) -> None:
        super().__init__(config)
        self.encoder = ConformerEncoder(config)

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        frames, sizes, inner = self.encoder(features, lengths, self.head)
        step_s = FRAME_S * self.config.subsampling
        return Memory(frames, sizes, self.decoder.keys(frames), step_s, tuple(inner))
