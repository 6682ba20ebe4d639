"""Whisper: a Transformer encoder over 30 s windows and a decoder that writes time as tokens.

Radford et al. 2022, "Robust speech recognition via large-scale weak supervision" (arXiv
2212.04356). Parameter names are those of the published weights, so that they load as they are.
The encoder always sees a whole window: what is shorter is filled with zero features, as in
training, and the decoder attends to all of it, so no position of the memory is padding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.nets.protocol import Memory, Net, Step, Tree
from attnasr_cli.nets.whisper_attention import mix
from attnasr_cli.nets.whisper_cache import Cache

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


class Projected(NamedTuple):
    """Keys and values of one layer's attention, (B, H, S, D/H) each."""

    keys: Tensor
    values: Tensor


class Attention(nn.Module):
    """Multi-head attention; what is attended to is given already projected."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.fused: nn.Module | None = None
        """query, key and value in one product, where a faster form of the net has it"""

    def split(self, x: Tensor) -> Tensor:
        """(B, n, D) → (B, H, n, D/H)"""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, n, D) → queries, keys, values (B, H, n, D/H), for attention to itself"""
        if self.fused is None:
            q, k, v = self.query(x), self.key(x), self.value(x)
        else:
            q, k, v = self.fused(x).chunk(3, -1)
        return self.split(q), self.split(k), self.split(v)

    def remember(self, frames: Tensor, dtype: torch.dtype | None = None) -> Projected:
        """frames (B, S, D) → what the queries of all steps will look at, kept in ``dtype``"""
        k, v = self.split(self.key(frames)), self.split(self.value(frames))
        return Projected(k.to(dtype or k.dtype).contiguous(), v.to(dtype or v.dtype).contiguous())

    def join(self, mixed: Tensor) -> Tensor:
        """(B, H, n, D/H) → (B, n, D), through the output projection"""
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


def look(queries: Tensor, memory: Projected) -> tuple[Tensor, Tensor]:
    """queries (B, H, n, D/H) → mixed values (B, H, n, D/H) and weights (B, H, n, S)"""
    queries = queries.to(memory.keys.dtype) * queries.shape[-1] ** -0.5
    weights = (queries @ memory.keys.transpose(-1, -2)).softmax(-1)
    return weights @ memory.values, weights


class Block(nn.Module):
    """Attention to itself, in the decoder attention to the memory, then a two-layer perceptron."""

    def __init__(self, width: int, heads: int, cross: bool) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.cross_attn = Attention(width, heads) if cross else None
        self.cross_attn_ln = nn.LayerNorm(width) if cross else None
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def listen(self, x: Tensor) -> Tensor:
        """Encoder: x (B, S, D) → (B, S, D)"""
        q, k, v = self.attn.project(self.attn_ln(x))
        x = x + self.attn.join(mix(q, k, v))
        return x + cast(Tensor, self.mlp(self.mlp_ln(x)))

    def write(
        self, x: Tensor, memory: Projected, cache: Cache | None, layer: int, want_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Decoder: x (R, n, D), new positions of R = B·K rows → (R, n, D) and, where wanted, the
        attention to the memory (B, H, K·n, S)."""
        assert self.cross_attn is not None
        assert self.cross_attn_ln is not None
        R, n, D = x.shape
        B = memory.keys.shape[0]
        q, k, v = self.attn.project(self.attn_ln(x))
        if cache is not None:
            k, v = cache.append(layer, k, v)  # (R, H, seen + n, D/H)
        if n > 1:
            mask = torch.ones(n, k.shape[2], dtype=torch.bool, device=x.device)
            mask = mask.tril(k.shape[2] - n)
            mixed = F.scaled_dot_product_attention(q.to(k.dtype), k, v, attn_mask=mask)
        else:  # the fused kernel takes four times as long for a single query
            mixed, _ = look(q, Projected(k, v))
        x = x + self.attn.join(mixed)

        queries = self.cross_attn.query(self.cross_attn_ln(x))
        queries = self.cross_attn.split(queries.view(B, -1, D))  # beams ride on: (B, H, K·n, D/H)
        weights = None
        if want_weights or cache is not None:
            seen, weights = look(queries, memory)
        else:  # training keeps no weights
            seen = F.scaled_dot_product_attention(queries.to(memory.keys.dtype), *memory)
        x = x + self.cross_attn.join(seen).view(R, n, D)
        return x + cast(Tensor, self.mlp(self.mlp_ln(x))), weights


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
        inside = torch.arange(T, device=features.device) < lengths[:, None]
        x = (features * inside[..., None]).to(self.conv1.weight.dtype).transpose(1, 2)
        x = F.pad(x, (0, self.window - T))  # (B, F, window)
        x = F.gelu(self.conv1(x))
        x = F.gelu(self.conv2(x)).transpose(1, 2)  # (B, S, D)
        x = x + self.positional_embedding
        for block in self.blocks:
            x = cast(Block, block).listen(x)
        return cast(Tensor, self.ln_post(x))


class Decoder(nn.Module):
    """Tokens so far and a memory → the next token; the embedding is also the output layer."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab, config.width)
        self.positional_embedding = nn.Parameter(torch.zeros(config.text_context, config.width))
        self.blocks = nn.ModuleList(
            Block(config.width, config.text_heads, True) for _ in range(config.text_layers)
        )
        self.ln = nn.LayerNorm(config.width)
        self.readout: nn.Module | None = None
        """the output layer, where a faster form of the net keeps one beside the embedding"""
        self.memory_dtype: torch.dtype | None = None
        """what keys and values of the memory are kept in, where not in that of the weights"""
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)

    def forward(
        self, tokens: Tensor, keys: tuple[Projected, ...], cache: Cache | None, weights_of: set[int]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """tokens (R, n) → (R, n, D) before the output layer, and the attention to the memory
        (B, H, K·n, S) of the layers in ``weights_of``."""
        n = tokens.shape[1]
        start = cache.length if cache is not None else 0
        x = self.token_embedding(tokens) + self.positional_embedding[start : start + n]
        found: dict[int, Tensor] = {}
        if cache is not None:
            cache.reserve(n)
        for layer, block in enumerate(self.blocks):
            x, weights = cast(Block, block).write(x, keys[layer], cache, layer, layer in weights_of)
            if weights is not None and layer in weights_of:
                found[layer] = weights
        return cast(Tensor, self.ln(x)), found

    def logits(self, x: Tensor) -> Tensor:
        """(…, D) → (…, V) in float32"""
        if self.readout is not None:
            return cast(Tensor, self.readout(x)).float()
        return F.linear(x, self.token_embedding.weight).float()


class Whisper(Net):
    """Encoder and decoder behind the protocol of the nets."""

    name: ClassVar[str] = "whisper"
    Config: ClassVar[type] = WhisperConfig

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config: WhisperConfig = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        frames = self.encoder(features, lengths)
        return self.remember(frames)

    def remember(self, frames: Tensor) -> Memory:
        """frames (B, S, D), what the encoder gave → memory with keys and values of all layers"""
        keys = tuple(
            cast(Attention, cast(Block, block).cross_attn).remember(
                frames, self.decoder.memory_dtype
            )
            for block in self.decoder.blocks
        )
        lengths = torch.full((frames.shape[0],), frames.shape[1], device=frames.device)
        return Memory(frames, lengths, keys, HOP_S * STRIDE)

    def start(self, memory: Memory, beams: int) -> Tree:
        config = self.config
        rows, head = memory.frames.shape[0] * beams, config.width // config.text_heads
        dtype = memory.keys[0].keys.dtype if memory.keys else memory.frames.dtype
        return Cache.empty(config.text_layers, rows, config.text_heads, head, memory.frames, dtype)

    def step(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        cache = cast(Cache, state)
        R, n = tokens.shape
        last = self.config.text_layers - 1
        x, found = self.decoder(tokens, memory.keys, cache, {last})
        weights = found[last].float().mean(1)  # (B, K·n, S)
        weights = weights.view(R, n, -1)[:, -1]
        log_probs = self.decoder.logits(x[:, -1]).log_softmax(-1)
        return Step(log_probs, weights, cache.advanced(n))

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        x, _ = self.decoder(tokens, memory.keys, None, set())
        return self.decoder.logits(x)

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        _, found = self.decoder(tokens, memory.keys, None, set(range(self.config.text_layers)))
        return torch.stack([found[layer] for layer in sorted(found)], 1)

    def align(self, memory: Memory, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher-forced logits (B, U, V) and the attention (B, A, U, S) of the A alignment heads
        only: all heads of a large net for a whole window would be hundreds of megabytes."""
        heads = self.alignment_heads
        x, found = self.decoder(tokens, memory.keys, None, {layer for layer, _ in heads})
        weights = torch.stack([found[layer][:, head].float() for layer, head in heads], 1)
        return self.decoder.logits(x), weights

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
    frequencies = torch.exp(-step * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * frequencies[None, :]  # (length, channels / 2)
    return torch.cat([angles.sin(), angles.cos()], 1)
