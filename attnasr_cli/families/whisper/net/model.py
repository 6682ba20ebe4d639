"""Whisper: a Transformer encoder over 30 s windows and a decoder that writes time as tokens.

Radford et al. 2022, "Robust speech recognition via large-scale weak supervision" (arXiv
2212.04356). Parameter names are those of the published weights, so that they load as they are. The
encoder always takes a whole window: shorter input is padded with zero features, as in training, and
the decoder attends to all of it, so that no position of the memory counts as padding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.families.whisper.net.blocks import Attention, Block, Projected, in_pieces
from attnasr_cli.families.whisper.net.memory import StepMemory
from attnasr_cli.nets.cache import Cache
from attnasr_cli.nets.log_softmax import log_softmax_
from attnasr_cli.nets.protocol import Memory, Net, Step, Tree

HOP_S = 0.01
"""seconds between two frames of features"""
STRIDE = 2
"""frames for one memory position, from the second convolution"""


@dataclass(frozen=True)
class WhisperConfig:
    """Sizes of a Whisper net; the defaults are those of "tiny"."""

    mels: int = 80
    """mel bins of the features; 128 in large-v3 and turbo"""
    width: int = 384
    """channels of every layer"""
    audio_heads: int = 6
    """attention heads of the encoder"""
    audio_layers: int = 4
    """blocks of the encoder"""
    text_heads: int = 6
    """attention heads of the decoder"""
    text_layers: int = 4
    """blocks of the decoder"""
    vocab: int = 51865
    """tokens, special ones and timestamps included"""
    audio_context: int = 1500
    """memory positions of a window: 30 s / 20 ms"""
    text_context: int = 448
    """tokens that the decoder can hold, prompt included"""
    alignment_heads: tuple[tuple[int, int], ...] = ()
    """(layer, head) pairs whose attention follows the audio; empty: all heads of the upper half"""

    @property
    def window(self) -> int:
        """Frames of features in one window."""
        return self.audio_context * STRIDE


class Encoder(nn.Module):
    """Features of a window → memory, one position for 20 ms."""

    positional_embedding: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.window = config.window
        self.conv1 = nn.Conv1d(config.mels, config.width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, kernel_size=3, stride=STRIDE, padding=1)
        table = sinusoids(config.audio_context, config.width)
        self.register_buffer("positional_embedding", table)
        self.blocks = nn.ModuleList(
            Block(config.width, config.audio_heads, False) for _ in range(config.audio_layers)
        )
        self.ln_post = nn.LayerNorm(config.width)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """features (B, T, F) with T ≤ window, lengths (B,) → (B, S, D)"""
        T = features.shape[1]
        if T > self.window:  # noqa: SIM300
            raise ValueError(f"{T} frames in a window of {self.window}")
        if in_pieces(features):
            pairs = zip(features.split(1), lengths.split(1), strict=True)
            return torch.cat([self._encode(one, length) for one, length in pairs])
        return self._encode(features, lengths)

    def _encode(self, features: Tensor, lengths: Tensor) -> Tensor:
        T = features.shape[1]
        inside = torch.arange(T, device=features.device) < lengths[:, None]
        x = (features * inside[..., None]).to(self.conv1.weight.dtype).transpose(1, 2)
        x = F.pad(x, (0, self.window - T))  # (B, F, window)
        x = F.gelu(self.conv1(x))
        x = F.gelu(self.conv2(x)).transpose(1, 2).contiguous()  # (B, S, D)
        x = x + self.positional_embedding
        for block in self.blocks:
            x = cast(Block, block).encode(x)
        return cast(Tensor, self.ln_post(x))


class Decoder(nn.Module):
    """The decoder: tokens so far and a memory → the next token. The embedding is also the output
    layer."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab, config.width)
        self.positional_embedding = nn.Parameter(torch.zeros(config.text_context, config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.text_heads, True) for _ in range(config.text_layers)
        )
        self.ln = nn.LayerNorm(config.width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)

    def forward(
        self,
        tokens: Tensor,
        keys: tuple[Projected | StepMemory[Any], ...],
        cache: Cache | None,
        weights_of: set[int],
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """tokens (R, n) → (R, n, D) before the output layer, and the attention to the memory
        (B, H, K·n, S) of the layers in ``weights_of``."""
        R, n = tokens.shape
        start = cache.length if cache is not None else 0
        x = self.token_embedding(tokens) + self.positional_embedding[start : start + n]
        found: dict[int, Tensor] = {}
        if cache is not None:
            cache.reserve(n)
            hidden = cache.hidden(n)
            x = x.view(cache.keys.shape[1], -1, x.shape[-1])  # (B, K·n, D): beams ride on
        else:
            hidden = torch.ones(n, n, dtype=torch.bool, device=x.device).triu(1)
        for layer, block in enumerate(self.blocks):
            wanted = layer in weights_of
            x, weights = cast(Block, block).decode(x, keys[layer], cache, layer, hidden, wanted)
            if weights is not None and wanted:
                found[layer] = weights
        return cast(Tensor, self.ln(x)).view(R, n, -1), found

    def logits(self, x: Tensor) -> Tensor:
        """(…, D) → (…, V) in float32"""
        return F.linear(x, self.token_embedding.weight).float()


class Whisper(Net):
    """Encoder and decoder with the interface of ``nets.protocol``."""

    name: ClassVar[str] = "whisper"
    Config: ClassVar[type] = WhisperConfig

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config: WhisperConfig = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        frames = self.encoder(features, lengths)
        return self.project_memory(frames)

    def project_memory(self, frames: Tensor) -> Memory:
        """frames (B, S, D), what the encoder gave → memory with keys and values of all layers"""
        return self.memory_of(frames, tuple(a.project_memory(frames) for a in self.cross_layers))

    def memory_of(self, frames: Tensor, keys: tuple[Projected | StepMemory[Any], ...]) -> Memory:
        """A memory of frames (B, S, D): whole windows, none of it is padding."""
        lengths = torch.full((frames.shape[0],), frames.shape[1], device=frames.device)
        return Memory(frames, lengths, keys, HOP_S * STRIDE)

    @property
    def cross_layers(self) -> list[Attention]:
        """The attention to the memory of each layer of the decoder."""
        return [cast(Attention, cast(Block, b).cross_attn) for b in self.decoder.blocks]

    def logits(self, x: Tensor) -> Tensor:
        """(…, D) of the decoder → (…, V) in float32"""
        return self.decoder.logits(x)

    def start(self, memory: Memory, beams: int) -> Tree:
        config = self.config
        rows, head = memory.frames.shape[0] * beams, config.width // config.text_heads
        # On a CPU in float32: it is longer at each step, and oneDNN compiles low-precision products
        # anew for each shape; those in float32 are there already.
        dtype = torch.float32
        if memory.frames.device.type != "cpu":
            dtype = memory.keys[0].keys.dtype if memory.keys else memory.frames.dtype
        return Cache.empty(config.text_layers, rows, config.text_heads, head, memory.frames, dtype)

    def step(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        step = self.scores(tokens, state, memory)
        return step._replace(log_probs=log_softmax_(step.log_probs))

    def scores(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        cache = cast(Cache, state).grouped(memory.frames.shape[0])
        R, n = tokens.shape
        last = self.config.text_layers - 1
        x, found = self.decoder(tokens, memory.keys, cache, {last})
        weights = found[last].float().mean(1)  # (B, K·n, S)
        weights = weights.view(R, n, -1)[:, -1]
        return Step(self.logits(x[:, -1]), weights, cache.advanced(n))

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        x, _ = self.decoder(tokens, memory.keys, None, set())
        return self.logits(x)

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        _, found = self.decoder(tokens, memory.keys, None, set(range(self.config.text_layers)))
        return torch.stack([found[layer] for layer in sorted(found)], 1)

    def align(self, memory: Memory, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher-forced logits (B, U, V) and the attention (B, A, U, S) of the A alignment heads
        only: all heads of a large net for a whole window would be hundreds of megabytes."""
        heads = self.alignment_heads
        x, found = self.decoder(tokens, memory.keys, None, {layer for layer, _ in heads})
        weights = torch.stack([found[layer][:, head].float() for layer, head in heads], 1)
        return self.logits(x), weights

    @property
    def alignment_heads(self) -> tuple[tuple[int, int], ...]:
        """(layer, head) pairs; where the weights name none, all heads of the upper half."""
        config = self.config
        return config.alignment_heads or tuple(
            (layer, head)
            for layer in range(config.text_layers // 2, config.text_layers)
            for head in range(config.text_heads)
        )

    @property
    def max_tokens(self) -> int | None:
        return self.config.text_context


def sinusoids(length: int, channels: int) -> Tensor:
    """(length, channels) of sines, then cosines, at wavelengths from 2π to 10000·2π (Vaswani et al.
    2017, arXiv 1706.03762)."""
    step = math.log(10000) / (channels // 2 - 1)
    # not torch.arange, which on the device "meta" imports two seconds of torch's compiler
    places, steps = (torch.from_numpy(np.arange(n)) for n in (length, channels // 2))
    angles = places[:, None] * torch.exp(-step * steps)[None, :]  # (length, channels / 2)
    return torch.cat([angles.sin(), angles.cos()], 1)
