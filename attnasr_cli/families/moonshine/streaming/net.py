"""Moonshine Streaming: an encoder with limited context, and the decoder of Moonshine.

Kudlur et al. 2026, "Moonshine v2: Ergodic streaming encoder ASR for latency-critical speech
applications" (arXiv 2602.12241). Here a whole segment is encoded at once. A table of positions is
added to the output of the encoder for the decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

from torch import Tensor, nn

from attnasr_cli.families.common.blocks import Projected
from attnasr_cli.families.common.net import TokenDecoder
from attnasr_cli.families.moonshine.blocks import DecoderBlock, PartialRotation, norm
from attnasr_cli.families.moonshine.net import SampleNet
from attnasr_cli.families.moonshine.streaming.encoder import OFFSET_S, STEP_S, Encoder, positions
from attnasr_cli.nets.protocol import Memory


@dataclass(frozen=True)
class MoonshineStreamingConfig:
    """Sizes of a net; the defaults are those of "tiny"."""

    vocab: int = 32768
    """tokens"""
    width: int = 320
    """channels of the encoder"""
    hidden: int = 1280
    """channels inside its perceptrons"""
    heads: int = 8
    """its attention heads"""
    head: int = 40
    """channels of each of them"""
    windows: tuple[tuple[int, int], ...] = ((16, 3), (16, 3), (16, 0), (16, 0), (16, 3), (16, 3))
    """for each of its layers: positions attended to before (the own one included) and after"""
    decoder_width: int = 320
    """channels of the decoder"""
    decoder_hidden: int = 1280
    """channels inside its perceptrons, which have as many again for their gate"""
    decoder_heads: int = 8
    """its attention heads"""
    decoder_head: int = 40
    """channels of each of them"""
    decoder_layers: int = 6
    """its blocks"""
    rotated: int = 32
    """channels of a head of the decoder that rotation with the position"""
    rotary_base: float = 10_000.0
    """ratio of the slowest to the fastest rotation"""
    text_context: int = 4096
    """tokens, and positions of the memory, that the decoder can hold"""
    tied: bool = False
    """whether the token embedding is also the output layer"""

    def __post_init__(self) -> None:
        if min(self.heads, self.head, self.decoder_heads, self.decoder_head) < 1:
            raise ValueError("a layer has at least one head, and a head one channel")
        if self.rotated % 2 or not 0 < self.rotated <= self.decoder_head:
            raise ValueError(f"rotated is {self.rotated}: an even part of a head")
        if any(before < 1 or after < 0 for before, after in self.windows):
            raise ValueError(f"windows is {self.windows}: each layer sees at least the position")


class Decoder(TokenDecoder):
    """Tokens so far and a memory → the next token."""

    def __init__(self, c: MoonshineStreamingConfig) -> None:
        super().__init__()
        self.config = c
        width = c.decoder_width
        self.places = nn.Embedding(c.text_context, c.width)
        nn.init.normal_(self.places.weight, std=0.02)
        same = c.width == width
        self.bridge: nn.Linear | None = None if same else nn.Linear(c.width, width, bias=False)
        self.embed = nn.Embedding(c.vocab, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        self.blocks = nn.ModuleList(
            DecoderBlock(width, c.decoder_hidden, c.decoder_heads, c.decoder_head)
            for _ in range(c.decoder_layers)
        )
        self.norm = norm(width)
        self.head = None if c.tied else nn.Parameter(self.embed.weight.detach().clone())

    def project_memory(self, frames: Tensor) -> tuple[Projected, ...]:
        frames = frames + self.places.weight[: frames.shape[1]].to(frames.dtype)
        return super().project_memory(frames if self.bridge is None else self.bridge(frames))

    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        return cast(Tensor, self.embed(tokens))

    def rotation(self, places: Tensor) -> PartialRotation:
        c = self.config
        return PartialRotation.at(places, c.rotated, c.decoder_head, c.rotary_base)

    @property
    def readout(self) -> Tensor:
        return self.embed.weight if self.head is None else self.head


class MoonshineStreaming(SampleNet):
    """Encoder and decoder with the interface of ``nets.protocol``."""

    name: ClassVar[str] = "moonshine-streaming"
    Config: ClassVar[type] = MoonshineStreamingConfig
    offset_s: ClassVar[float] = OFFSET_S

    def __init__(self, config: MoonshineStreamingConfig) -> None:
        super().__init__()
        self.config: MoonshineStreamingConfig = config
        c = config
        self.encoder = Encoder(c.width, c.hidden, c.heads, c.head, c.windows)
        self.decoder = Decoder(c)

    def positions(self, lengths: Tensor) -> Tensor:
        return positions(lengths)

    def encode_group(self, samples: Tensor, lengths: Tensor) -> Memory:
        frames, lengths = self.encoder(samples, lengths)
        return Memory(frames, lengths, self.decoder.project_memory(frames), STEP_S)

    @property
    def longest_s(self) -> float:
        return self.config.text_context * STEP_S

    @property
    def decoder_sizes(self) -> tuple[int, int, int]:
        c = self.config
        return c.decoder_layers, c.decoder_heads, c.decoder_heads * c.decoder_head
