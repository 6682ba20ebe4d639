"""A Transformer decoder with a self-attention cache, and the net around it, shared by several
families."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.families.common.blocks import DecoderBlock, Projected, Rotate
from attnasr_cli.nets.cache import Cache
from attnasr_cli.nets.log_softmax import log_softmax_
from attnasr_cli.nets.protocol import Memory, Net, Step, Tree, length_mask

TOGETHER = 500
"""memory positions that are encoded together on a CPU: 500 · 1152 values are 2.3 MB"""


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
        mask = added_mask(memory)
        found: dict[int, Tensor] = {}
        for layer, block in enumerate(self.blocks):
            wanted = layer in weights_of
            keys: Projected = memory.keys[layer]
            x, weights = block(x, rotation, keys, mask, cache, layer, hidden, wanted)
            if wanted:
                found[layer] = weights
        return cast(Tensor, self.norm(x)).view(R, n, -1), found


def in_groups(
    encode: Callable[[Tensor, Tensor], Memory], inputs: Tensor, lengths: Tensor, positions: Tensor
) -> Memory:
    """``encode`` inputs (B, N, …) of ``lengths`` (B,) that become ``positions`` (B,) of the memory;
    on a CPU some utterances at a time, so that what runs through the layers stays in its cache and
    little is computed for padding."""
    if inputs.device.type != "cpu" or torch.is_grad_enabled():
        return encode(inputs, lengths)
    parts: list[Memory] = []
    begin = 0
    for end in _groups(positions.tolist()):
        size = max(int(lengths[begin:end].max()), 1)
        parts.append(encode(inputs[begin:end, :size], lengths[begin:end]))
        begin = end
    return parts[0] if len(parts) == 1 else _together(parts)


def _groups(positions: list[int]) -> list[int]:
    """Where each group ends: consecutive utterances of at most ``TOGETHER`` positions with their
    padding, or a single one."""
    ends, first, longest = [], 0, 0
    for i, size in enumerate(positions):
        longest = max(longest, size)
        if i > first and longest * (i + 1 - first) > TOGETHER:
            ends.append(i)
            first, longest = i, size
    return [*ends, len(positions)]


def _together(parts: list[Memory]) -> Memory:
    """The memories of one batch from those of its groups."""
    size = max(part.frames.shape[1] for part in parts)

    def joined(tensors: list[Tensor]) -> Tensor:
        """(b, …, S, d) of each group → (B, …, S, d), padded with zeros"""
        one, count = tensors[0], sum(tensor.shape[0] for tensor in tensors)
        whole = one.new_zeros((count, *one.shape[1:-2], size, one.shape[-1]))
        row = 0
        for tensor in tensors:
            end = row + tensor.shape[0]
            whole[row:end, ..., : tensor.shape[-2], :] = tensor
            row = end
        return whole

    layers = zip(*(part.keys for part in parts), strict=True)
    keys = tuple(
        Projected(joined([one.keys for one in layer]), joined([one.values for one in layer]))
        for layer in layers
    )
    frames = joined([part.frames for part in parts])
    lengths = torch.cat([part.lengths for part in parts])
    return Memory(frames, lengths, keys, parts[0].step_s)


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


def added_mask(memory: Memory) -> Tensor | None:
    """What is added to scores (B, H, n, S) of the memory, (B, 1, 1, S) in the type of its keys: 0
    where there is audio, −inf elsewhere; None where nothing is padded."""
    seen = sight(memory.lengths, memory.frames.shape[1])
    if seen is None:
        return None
    keys: Tensor = memory.keys[0].keys
    return keys.new_zeros(seen.shape).masked_fill_(~seen, float("-inf"))


def sight(lengths: Tensor, size: int) -> Tensor | None:
    """The mask (B, 1, 1, S), true where there is audio; None where nothing is padded."""
    if bool((lengths == size).all()):
        return None
    return length_mask(lengths, size)[:, None, None]
