"""The Transformer decoder: masked self-attention, then attention to the memory, pre-norm.

Shared by ``transformer`` and ``conformer`` (Vaswani et al. 2017, arXiv:1706.03762).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from attnasr_cli.nets.blocks import CrossAttention, Dropout, FeedForward, Rotation, SelfAttention
from attnasr_cli.nets.ctc import CtcNet
from attnasr_cli.nets.past import Past, Read
from attnasr_cli.nets.protocol import Memory, Step

Keys = tuple[tuple[Tensor, Tensor], ...]


class DecoderLayer(nn.Module):
    """Attention to the tokens so far, attention to the memory, a perceptron; norms come first."""

    def __init__(self, width: int, memory_width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.norm_self = nn.LayerNorm(width)
        self.self_attention = SelfAttention(width, heads)
        self.norm_cross = nn.LayerNorm(width)
        self.cross = CrossAttention(width, memory_width, heads)
        self.norm_ff = nn.LayerNorm(width)
        self.ff = FeedForward(width, hidden, dropout)
        self.dropout = Dropout(dropout)


class AttentionDecoder(nn.Module):
    """The decoder: tokens so far and a memory → the distribution of the next token."""

    def __init__(
        self,
        vocab: int,
        width: int,
        memory_width: int,
        heads: int,
        layers: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.embed = nn.Embedding(vocab, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        self.scale = width**0.5
        self.layers = nn.ModuleList(
            DecoderLayer(width, memory_width, heads, hidden, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, vocab)
        self.dropout = Dropout(dropout)

    def _typed(self) -> Iterable[DecoderLayer]:
        return cast(Iterable[DecoderLayer], self.layers)

    def keys(self, frames: Tensor) -> Keys:
        """frames (B, S, D) → for each layer keys and values (B, H, S, D/H), computed once."""
        return tuple(layer.cross.keys(frames) for layer in self._typed())

    def start(self, memory: Memory, beams: int) -> Past:
        """The state before the first token, for R = B·beams rows."""
        rows = memory.frames.shape[0] * beams
        return Past.empty(len(self.layers), rows, self.heads, self.head_width, memory.frames)

    def step(self, tokens: Tensor, state: Past, memory: Memory) -> Step:
        """tokens (R, n) → log_probs (R, V) and weights (R, S) of the last of them"""
        rows, n = tokens.shape
        utterances = memory.frames.shape[0]
        past = state.grouped(utterances)
        table = past.table(n)
        mask = table.flatten(1, 2)[:, None]  # (B, 1, K·n, P + K·n)
        positions = torch.arange(past.length, past.length + n, device=tokens.device)
        rotation = Rotation.at(positions, self.head_width)
        x = self.embed(tokens) * self.scale  # (R, n, D)
        new = []
        total = memory.frames.new_zeros(rows, memory.frames.shape[1], dtype=torch.float32)
        for i, (layer, keys) in enumerate(zip(self._typed(), memory.keys, strict=True)):
            read = Read(past.keys[i], past.values[i], mask)
            seen, both = layer.self_attention.extend(layer.norm_self(x), rotation, read)
            new.append(both)
            x = x + seen
            query = layer.norm_cross(x).view(utterances, -1, x.shape[-1])  # (B, K·n, D)
            seen, weights = layer.cross.cross_attention(query, keys, memory.mask)
            x = x + seen.view(x.shape)
            x = x + layer.ff(layer.norm_ff(x))
            # (B, H, K·n, S) → the last position of each row, mean over heads
            total = total + weights.mean(1).view(rows, n, -1)[:, -1]
        log_probs = self.out(self.norm(x[:, -1])).float().log_softmax(-1)
        return Step(log_probs, total / len(self.layers), past.advanced(new, table))

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        """Teacher-forced logits (B, U, V)."""
        x, _ = self._run(memory, tokens, want_weights=False)
        logits: Tensor = self.out(self.norm(x))
        return logits

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        """(B, L, H, U, S)"""
        return torch.stack(self._run(memory, tokens, want_weights=True)[1], 1)

    def _run(
        self, memory: Memory, tokens: Tensor, want_weights: bool
    ) -> tuple[Tensor, list[Tensor]]:
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        rotation = Rotation.at(positions, self.head_width)
        x = self.dropout(self.embed(tokens) * self.scale)  # (B, U, D)
        U = tokens.shape[1]
        causal = torch.ones(U, U, dtype=torch.bool, device=tokens.device).tril()
        all_weights: list[Tensor] = []
        for layer, keys in zip(self._typed(), memory.keys, strict=True):
            attended = layer.self_attention(layer.norm_self(x), rotation, causal)
            x = x + layer.dropout(attended)
            query = layer.norm_cross(x)
            if want_weights:
                seen, weights = layer.cross.cross_attention(query, keys, memory.mask)
                all_weights.append(weights)
            else:
                seen = layer.cross(query, keys, memory.mask)
            x = x + layer.dropout(seen)
            x = x + layer.dropout(layer.ff(layer.norm_ff(x)))
        return x, all_weights


class AttentionDecoderNet(CtcNet):
    """Base class of the nets with this decoder; a subclass sets ``encoder`` and implements
    ``encode``."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        c = self.config = config
        self.decoder = AttentionDecoder(
            c.vocab, c.width, c.width, c.heads, c.decoder_layers, c.hidden, c.dropout
        )
        self.head = nn.Linear(c.width, c.vocab) if c.ctc else None

    def start(self, memory: Memory, beams: int) -> Past:
        return self.decoder.start(memory, beams)

    def step(self, tokens: Tensor, state: Past, memory: Memory) -> Step:
        return self.decoder.step(tokens, state, memory)

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        return self.decoder.decode(memory, tokens)

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        return self.decoder.attend(memory, tokens)
