"""A Transformer decoder with a self-attention cache, and the net around it, shared by several
families."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.families.common.blocks import DecoderBlock, Projected, Rotate
from attnasr_cli.nets.cache import Cache
from attnasr_cli.nets.log_softmax import log_softmax_
from attnasr_cli.nets.protocol import Memory, Net, Step, Tree, length_mask


class TokenDecoder(nn.Module, ABC):
    """The decoder; a family sets ``blocks`` and ``norm``."""

    blocks: nn.ModuleList
    norm: nn.LayerNorm

    def __init__(self) -> None:
        super().__init__()
        self.packed_readout: nn.Module | None = None
        """the output layer in another order, where there is one beside the weights"""

    @abstractmethod
    def embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Embed tokens (R, n) at positions (n,) → (R, n, D)."""

    @property
    @abstractmethod
    def readout(self) -> Tensor:
        """The weight (V, D) of the output layer."""

    @property
    def readout_bias(self) -> Tensor | None:
        """Its bias (V,), where it has one."""
        return None

    def logits(self, x: Tensor) -> Tensor:
        """(…, D) → (…, V) in float32"""
        if self.packed_readout is not None:
            return cast(Tensor, self.packed_readout(x))
        return F.linear(x, self.readout, self.readout_bias).float()

    def rotation(self, places: Tensor) -> Rotate | None:
        """The rotation of queries and keys at positions (n,), or None."""
        return None

    def project_memory(self, frames: Tensor) -> tuple[Projected, ...]:
        """frames (B, S, D) → the keys and values of every layer, computed once"""
        return tuple(
            cast(DecoderBlock, block).cross.project_memory(frames) for block in self.blocks
        )

    def forward(
        self, tokens: Tensor, memory: Memory, cache: Cache | None, weights_of: set[int]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """tokens (R, n) → (R, n, D) before the output layer, and the attention to the memory
        (B, H, K·n, S) of the layers in ``weights_of``."""
        (R, n), device = tokens.shape, tokens.device
        start = cache.length if cache is not None else 0
        places = torch.arange(start, start + n, device=device)
        x = self.embedded(tokens, places)
        if cache is not None:
            cache.reserve(n)
            hidden = cache.hidden(n)
            x = x.view(cache.keys.shape[1], -1, x.shape[-1])  # (B, K·n, D): beams ride on
            places = places.repeat(cache.beams)
        else:
            hidden = torch.ones(n, n, dtype=torch.bool, device=device).triu(1)
        rotation = self.rotation(places)
        mask = sight(memory.lengths, memory.frames.shape[1])
        found: dict[int, Tensor] = {}
        for layer, block in enumerate(self.blocks):
            wanted = layer in weights_of
            keys: Projected = memory.keys[layer]
            x, weights = block(x, rotation, keys, mask, cache, layer, hidden, wanted)
            if wanted:
                found[layer] = weights
        return cast(Tensor, self.norm(x)).view(R, n, -1), found


class CachedNet(Net, ABC):
    """A net with such a decoder; a family adds ``encode``."""

    decoder: TokenDecoder

    @property
    @abstractmethod
    def decoder_sizes(self) -> tuple[int, int, int]:
        """layers, heads and width of the decoder"""

    def start(self, memory: Memory, beams: int) -> Tree:
        layers, heads, width = self.decoder_sizes
        rows = memory.frames.shape[0] * beams
        # On a CPU in float32: it is longer at each step, and oneDNN compiles low-precision products
        # anew for each shape; those in float32 are there already.
        dtype = torch.float32
        if memory.frames.device.type != "cpu" and memory.keys:
            dtype = memory.keys[0].keys.dtype
        return Cache.empty(layers, rows, heads, width // heads, memory.frames, dtype)

    def step(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        step = self.scores(tokens, state, memory)
        return step._replace(log_probs=log_softmax_(step.log_probs))

    def scores(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        cache = cast(Cache, state).grouped(memory.frames.shape[0])
        R, n = tokens.shape
        last = len(self.decoder.blocks) - 1
        x, found = self.decoder(tokens, memory, cache, {last})
        weights = found[last].mean(1).view(R, n, -1)[:, -1]
        return Step(self.decoder.logits(x[:, -1]), weights, cache.advanced(n))

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        x, _ = self.decoder(tokens, memory, None, set())
        return self.decoder.logits(x)

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        _, found = self.decoder(tokens, memory, None, set(range(len(self.decoder.blocks))))
        return torch.stack([found[layer] for layer in sorted(found)], 1)


def sight(lengths: Tensor, size: int) -> Tensor | None:
    """The mask (B, 1, 1, S), true where there is audio; None where nothing is padded."""
    if bool((lengths == size).all()):
        return None
    return length_mask(lengths, size)[:, None, None]
