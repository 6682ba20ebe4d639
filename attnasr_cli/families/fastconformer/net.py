"""FastConformer encoder and Transformer decoder: the nets of Canary and of Cohere Transcribe.

Puvvada et al. 2024, "Less is more: Accurate speech recognition & translation without web-scale
data" (arXiv 2406.19674). Control tokens in the prompt tell the decoder what to do (language,
translation, punctuation). Cohere's decoder is narrower than its encoder, has learned positions and
an output layer of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from attnasr_cli.audio.frames import FRAME_S
from attnasr_cli.families.common.blocks import ActivatedLinear, DecoderBlock
from attnasr_cli.families.common.net import CachedNet, TokenDecoder, in_groups, sight
from attnasr_cli.families.fastconformer.encoder import BASE, EncoderBlock, Front, distances
from attnasr_cli.nets.protocol import Memory


@dataclass(frozen=True)
class FastConformerConfig:
    """Sizes of a net; the defaults are those of Canary 1B v2."""

    vocab: int = 16384
    """tokens"""
    bins: int = 128
    """mel bins of the features"""
    width: int = 1024
    """channels of the encoder"""
    hidden: int = 4096
    """channels inside its perceptrons"""
    heads: int = 8
    """its attention heads"""
    layers: int = 32
    """its blocks"""
    kernel: int = 9
    """frames that its depthwise convolutions span; odd"""
    subsampling: int = 8
    """feature frames per memory position, a power of 2"""
    channels: int = 256
    """channels of the convolutions in front"""
    bias: bool = True
    """whether products of the encoder have a bias"""
    conv_bias: bool = True
    """whether its convolution modules have one"""
    scale: bool = False
    """whether the output of the subsampling is multiplied by the square root of the width"""
    decoder_width: int = 1024
    """channels of the decoder"""
    decoder_hidden: int = 4096
    """channels inside its perceptrons"""
    decoder_heads: int = 8
    """its attention heads"""
    decoder_layers: int = 8
    """its blocks"""
    text_context: int = 1024
    """tokens that it can hold, the prompt included"""
    bridge: bool = False
    """whether there is a linear layer between encoder and decoder"""
    learned_positions: bool = False
    """whether token positions are learned; otherwise they are sinusoids"""
    tied: bool = True
    """whether the token embedding is also the output layer"""

    def __post_init__(self) -> None:
        for width, heads in ((self.width, self.heads), (self.decoder_width, self.decoder_heads)):
            if width % heads or width % 2:
                raise ValueError(f"{heads} heads do not divide the width {width} evenly")
        if self.kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, not {self.kernel}")
        if self.subsampling < 2 or self.subsampling & (self.subsampling - 1):
            raise ValueError(f"subsampling is {self.subsampling}, not a power of 2")
        if self.bins % self.subsampling:
            raise ValueError(
                f"{self.bins} bins are not a multiple of the subsampling {self.subsampling}"
            )
        if not self.bridge and self.width != self.decoder_width:
            raise ValueError(
                f"encoder and decoder are {self.width} and {self.decoder_width} wide, and nothing "
                "stands between them"
            )


class Encoder(nn.Module):
    """Features → frames."""

    def __init__(self, c: FastConformerConfig) -> None:
        super().__init__()
        self.scale = c.width**0.5 if c.scale else 1.0
        self.front = Front(c.bins, c.width, c.subsampling, c.channels)
        self.blocks = nn.ModuleList(
            EncoderBlock(c.width, c.hidden, c.heads, c.kernel, c.bias, c.conv_bias)
            for _ in range(c.layers)
        )

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, T, F), lengths (B,) → (B, S, D) and its lengths (B,)"""
        x, lengths = self.front(features, lengths)
        x = x.float() * self.scale
        table = distances(x.shape[1], x.shape[2], x).to(x.dtype)
        mask = sight(lengths, x.shape[1])
        for block in self.blocks:
            x = block(x, table, mask, lengths)
        return x, lengths


class Block(DecoderBlock):
    """A perceptron with a ReLU behind the attentions."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__(width, heads, bias=True)
        self.up, self.down = ActivatedLinear(width, hidden, "relu"), nn.Linear(hidden, width)

    def perceptron(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.down(self.up(x)))


class Decoder(TokenDecoder):
    """The decoder: tokens so far and a memory → the next token."""

    def __init__(self, c: FastConformerConfig) -> None:
        super().__init__()
        width = c.decoder_width
        self.bridge: nn.Linear | None = nn.Linear(c.width, width) if c.bridge else None
        self.embed = nn.Embedding(c.vocab, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        self.positions = nn.Embedding(c.text_context, width) if c.learned_positions else None
        self.embed_norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(
            Block(width, c.decoder_hidden, c.decoder_heads) for _ in range(c.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = None if c.tied else nn.Parameter(self.embed.weight.detach().clone())
        self.head_bias = nn.Parameter(torch.zeros(c.vocab))

    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        words = self.embed(tokens).float()
        if self.positions is not None:
            where = self.positions(places).float()
        else:
            where = sinusoids(places, words.shape[-1]).to(words.dtype)
        return cast(Tensor, self.embed_norm(words + where))

    @property
    def readout(self) -> Tensor:
        return self.embed.weight if self.head is None else self.head

    @property
    def readout_bias(self) -> Tensor | None:
        return self.head_bias


def sinusoids(places: Tensor, width: int) -> Tensor:
    """positions (n,) → (n, width): sines, then cosines, scaled so that the vector has length 1 /
    √2."""
    rates = BASE ** (-torch.arange(0, width, 2, device=places.device).float() / width)
    angles = places.float()[:, None] * rates  # (n, width / 2)
    table: Tensor = torch.cat([angles.sin(), angles.cos()], 1) * width**-0.5
    return table


class FastConformer(CachedNet):
    """Encoder and decoder with the interface of ``nets.protocol``."""

    Config: ClassVar[type] = FastConformerConfig
    decoder: Decoder

    def __init__(self, config: FastConformerConfig) -> None:
        super().__init__()
        self.config: FastConformerConfig = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        positions = -(-lengths // self.config.subsampling)
        return in_groups(self._encode, features, lengths, positions)

    def _encode(self, features: Tensor, lengths: Tensor) -> Memory:
        frames, lengths = self.encoder(features, lengths)
        if self.decoder.bridge is not None:
            frames = self.decoder.bridge(frames)
        step_s = FRAME_S * self.config.subsampling
        return Memory(frames, lengths, self.decoder.project_memory(frames), step_s)

    @property
    def decoder_sizes(self) -> tuple[int, int, int]:
        c = self.config
        return c.decoder_layers, c.decoder_heads, c.decoder_width

    @property
    def max_tokens(self) -> int | None:
        return self.config.text_context


class Canary(FastConformer):
    """NVIDIA's Canary."""

    name: ClassVar[str] = "canary"


class CohereTranscribe(FastConformer):
    """Cohere Transcribe."""

    name: ClassVar[str] = "cohere"
