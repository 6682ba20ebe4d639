"""Moonshine: a Transformer on raw samples whose cost grows with the length of the audio.

Jeffries et al. 2024, "Moonshine: Speech recognition for live transcription and voice commands"
(arXiv 2410.15608). Three convolutions without padding make one memory position of 384 samples; an
utterance is not padded to a window, and positions are rotary, so that any length is possible. The
result for an utterance does not depend on its batch: the statistics of the group normalisation
cover its own samples only.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ
from attnasr_cli.families.common.blocks import FrameConv
from attnasr_cli.families.common.net import CachedNet, TokenDecoder, in_groups, sight
from attnasr_cli.families.moonshine.blocks import DecoderBlock, EncoderBlock, PartialRotation, norm
from attnasr_cli.nets.protocol import Memory, length_mask

KERNELS = (127, 7, 3)
STRIDES = (64, 3, 2)
POSITION = 64 * 3 * 2
"""samples from one memory position to the next: 384, 24 ms at 16 kHz"""
LEAST = 127 + 64 * (7 + 3 * (3 - 1) - 1)
"""receptive field of a memory position: 895 samples, 56 ms"""
STEP_S = POSITION / SAMPLE_RATE_HZ
OFFSET_S = (LEAST - POSITION) / 2 / SAMPLE_RATE_HZ
"""seconds by which the middle of its receptive field is later than the middle of its own 384
samples"""


@dataclass(frozen=True)
class MoonshineConfig:
    """Sizes of a Moonshine net; the defaults are those of "tiny"."""

    vocab: int = 32768
    """tokens"""
    width: int = 288
    """channels of every layer"""
    hidden: int = 1152
    """inner width of the feed-forward; in the decoder there is as much again for the gate"""
    heads: int = 8
    """attention heads of every layer"""
    encoder_layers: int = 6
    decoder_layers: int = 6
    rotated: int = 32
    """channels of a head that are rotated by position"""
    rotary_base: float = 10_000.0
    """base of the rotary frequencies"""
    text_context: int = 194
    """tokens that the decoder was trained to hold, the start included"""

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width // self.heads % 2:
            raise ValueError(f"{self.heads} heads do not divide the width {self.width} evenly")
        if self.rotated % 2 or not 0 < self.rotated <= self.width // self.heads:
            raise ValueError(f"rotated is {self.rotated}: an even part of a head")


def positions(samples: Tensor) -> Tensor:
    """samples (B,) of each utterance → memory positions (B,), at least one"""
    count = samples.clamp_min(LEAST)
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        count = (count - kernel) // stride + 1
    return count


class Front(nn.Module):
    """Samples → one position for 24 ms, by three convolutions without padding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        (a, b, c), (i, j, k) = KERNELS, STRIDES
        self.conv1 = nn.Conv1d(1, width, a, i, bias=False)
        self.norm = nn.GroupNorm(1, width)
        self.conv2 = FrameConv(width, 2 * width, b, j, "gelu")
        self.conv3 = FrameConv(2 * width, width, c, k, "gelu")

    def forward(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """samples (B, N), lengths (B,) in samples → (B, S, D)"""
        samples = F.pad(samples, (0, max(LEAST - samples.shape[1], 0)))
        frames = samples.to(self.conv1.weight.dtype).unfold(1, KERNELS[0], STRIDES[0])
        x = F.linear(frames, self.conv1.weight[:, 0]).float().tanh()  # (B, T, D)
        valid = (lengths.clamp_min(LEAST) - KERNELS[0]) // STRIDES[0] + 1
        return cast(Tensor, self.conv3(self.conv2(self._normalised(x, valid))))

    def _normalised(self, x: Tensor, valid: Tensor) -> Tensor:
        """Group normalisation of x (B, T, D) over the ``valid`` (B,) positions of each
        utterance."""
        weight, bias = self.norm.weight, self.norm.bias
        if bool((valid == x.shape[1]).all()):
            scaled = F.layer_norm(x, x.shape[1:], eps=self.norm.eps)
            return scaled * weight + bias
        inside = length_mask(valid, x.shape[1])[..., None]  # (B, T, 1)
        count = (valid * x.shape[2])[:, None, None]
        x = torch.where(inside, x, 0.0)
        mean = x.sum((1, 2), keepdim=True) / count
        centred = torch.where(inside, x - mean, 0.0)
        variance = centred.square().sum((1, 2), keepdim=True) / count
        scaled = centred * (variance + self.norm.eps).rsqrt()
        return (scaled * weight + bias) * inside


class Encoder(nn.Module):
    """Samples → memory."""

    def __init__(self, config: MoonshineConfig) -> None:
        super().__init__()
        self.config = config
        self.front = Front(config.width)
        self.blocks = nn.ModuleList(
            EncoderBlock(config.width, config.hidden, config.heads)
            for _ in range(config.encoder_layers)
        )
        self.norm = norm(config.width)

    def forward(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """samples (B, N), lengths (B,) in samples → (B, S, D), lengths (B,) in positions"""
        c = self.config
        x = self.front(samples, lengths).float()
        lengths = positions(lengths)
        rotation = PartialRotation.at(
            torch.arange(x.shape[1], device=x.device), c.rotated, c.width // c.heads, c.rotary_base
        )
        mask = sight(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, rotation, mask)
        return self.norm(x), lengths


class Decoder(TokenDecoder):
    """The decoder: tokens so far and a memory → the next token. The embedding is also the output
    layer."""

    def __init__(self, config: MoonshineConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        nn.init.normal_(self.embed.weight, std=config.width**-0.5)
        self.blocks = nn.ModuleList(
            DecoderBlock(config.width, config.hidden, config.heads)
            for _ in range(config.decoder_layers)
        )
        self.norm = norm(config.width)

    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        return cast(Tensor, self.embed(tokens))

    def rotation(self, places: Tensor) -> PartialRotation:
        c = self.config
        return PartialRotation.at(places, c.rotated, c.width // c.heads, c.rotary_base)

    @property
    def readout(self) -> Tensor:
        return self.embed.weight


class SampleNet(CachedNet, ABC):
    """A net on raw samples; its features are frames of 160 samples."""

    config: Any
    offset_s: ClassVar[float]
    """seconds by which the middle of a memory position is later than half a step"""

    @abstractmethod
    def positions(self, lengths: Tensor) -> Tensor:
        """lengths (B,) in samples → memory positions (B,)"""

    @abstractmethod
    def encode_group(self, samples: Tensor, lengths: Tensor) -> Memory:
        """Encode samples (B, N) with lengths (B,) in samples → memory."""

    def encode_samples(self, samples: Tensor, lengths: Tensor) -> Memory:
        """As ``encode_group``, some utterances at a time where that is faster."""
        return in_groups(self.encode_group, samples, lengths, self.positions(lengths))

    @property
    def longest_s(self) -> float:
        """The longest audio in seconds that the net can take at once."""
        return math.inf

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        """features (B, T, 160): samples in frames of 10 ms; lengths (B,) in frames"""
        return self.encode_samples(features.flatten(1), lengths * HOP)

    @property
    def max_tokens(self) -> int | None:
        held: int = self.config.text_context
        return held


class Moonshine(SampleNet):
    """Encoder and decoder with the interface of ``nets.protocol``."""

    name: ClassVar[str] = "moonshine"
    Config: ClassVar[type] = MoonshineConfig
    offset_s: ClassVar[float] = OFFSET_S

    def __init__(self, config: MoonshineConfig) -> None:
        super().__init__()
        self.config: MoonshineConfig = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def positions(self, lengths: Tensor) -> Tensor:
        return positions(lengths)

    def encode_group(self, samples: Tensor, lengths: Tensor) -> Memory:
        frames, lengths = self.encoder(samples, lengths)
        return Memory(frames, lengths, self.decoder.project_memory(frames), STEP_S)

    @property
    def decoder_sizes(self) -> tuple[int, int, int]:
        c = self.config
        return c.decoder_layers, c.heads, c.width
