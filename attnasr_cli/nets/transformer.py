"""Transformer (Vaswani et al. 2017, arXiv:1706.03762) on subsampled features, pre-norm, with
rotary positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
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
from attnasr_cli.nets.protocol import Memory, length_mask
from attnasr_cli.nets.transformer_decoder import AttentionDecoderNet


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of a Transformer."""

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


class TransformerLayer(nn.Module):
    def __init__(self, c: TransformerConfig) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(c.width)
        self.attention = SelfAttention(c.width, c.heads)
        self.norm_ff = nn.LayerNorm(c.width)
        self.ff = FeedForward(c.width, c.hidden, c.dropout)
        self.dropout = Dropout(c.dropout)

    def forward(self, x: Tensor, rotation: Rotation, mask: Tensor) -> Tensor:
        """x (B, S, D), mask (B, 1, 1, S) true where valid → (B, S, D)"""
        x = x + self.dropout(self.attention(self.norm_attention(x), rotation, mask))
        out: Tensor = x + self.dropout(self.ff(self.norm_ff(x)))
        return out


class TransformerEncoder(nn.Module):
    """(B, T, F) → (B, S, D)"""

    def __init__(self, c: TransformerConfig) -> None:
        super().__init__()
        self.head_width = c.width // c.heads
        self.front = Subsampling(c.bins, c.width, c.subsampling, c.channels)
        self.dropout = Dropout(c.dropout)
        self.layers = nn.ModuleList(TransformerLayer(c) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.width)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, T, F), lengths (B,) → frames (B, S, D) and their lengths (B,)"""
        x, lengths = self.front(features, lengths)
        rotation = Rotation.at(torch.arange(x.shape[1], device=x.device), self.head_width)
        mask = length_mask(lengths, x.shape[1])[:, None, None]  # (B, 1, 1, S)
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, rotation, mask)
        return masked(self.norm(x), lengths), lengths


class Transformer(AttentionDecoderNet):
    """Transformer encoder, Transformer decoder, optional CTC head."""

    name: ClassVar[str] = "transformer"
    Config: ClassVar[type] = TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.encoder = TransformerEncoder(config)

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        frames, sizes = self.encoder(features, lengths)
        step_s = FRAME_S * self.config.subsampling
        return Memory(frames, sizes, self.decoder.keys(frames), step_s)
