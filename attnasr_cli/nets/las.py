"""Listen, Attend and Spell (Chan et al. 2016, arXiv:1508.01211): convolutions and a (pyramidal)
bidirectional LSTM listen, an LSTM with input feeding attends and spells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.audio.frames import FRAME_S
from attnasr_cli.nets.attention import Attention
from attnasr_cli.nets.blocks import Dropout, Subsampling, masked
from attnasr_cli.nets.ctc import CtcNet
from attnasr_cli.nets.precision import lstm_needs_float32
from attnasr_cli.nets.protocol import Memory, Step


@dataclass(frozen=True)
class LASConfig:
    """Sizes of a LAS net."""

    vocab: int
    """tokens, the CTC blank (0) included"""
    bins: int = 80
    """mel bins of the features"""
    width: int = 320
    """cells of each LSTM direction in the encoder; the memory has this width too"""
    layers: int = 4
    """bidirectional layers of the encoder"""
    subsampling: int = 4
    """feature frames per encoder frame in the convolutions: 2, 4 or 8"""
    channels: int = 32
    """channels of the first convolution"""
    pyramid: tuple[int, ...] = ()
    """encoder layers (from 1) before which two neighbouring frames become one"""
    attention: str = "additive"
    """additive, location, dot or multihead"""
    heads: int = 4
    """heads of the multihead attention"""
    location_kernel: int = 31
    """memory positions that the convolution of location attention spans; odd"""
    decoder_width: int = 320
    """cells of the decoder's LSTM"""
    decoder_layers: int = 1
    dropout: float = 0.2
    """dropped activations while training"""
    ctc: bool = True
    """a CTC head on the encoder"""


class BiLSTM(nn.Module):
    """A bidirectional LSTM that never sees padding: the backward one reads each utterance from its
    own end, and both run without packing, which keeps the fast kernels of a CPU in use."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(inputs, width, batch_first=True)
        self.back = nn.LSTM(inputs, width, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, S, inputs) → (B, S, 2·width)"""
        if lstm_needs_float32(x):
            with torch.autocast("cpu", enabled=False):
                return self._forward(x.float(), lengths)
        return self._forward(x, lengths)

    def _forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        S = x.shape[1]
        place = torch.arange(S, device=x.device)
        mirror = lengths[:, None] - 1 - place  # (B, S)
        mirror = torch.where(mirror >= 0, mirror, place)[..., None]
        ahead, _ = self.ahead(x)
        back, _ = self.back(x.gather(1, mirror.expand(-1, -1, x.shape[2])))
        back = back.gather(1, mirror.expand(-1, -1, back.shape[2]))
        return torch.cat([ahead, back], -1)


class LASEncoder(nn.Module):
    """Convolutions and bidirectional LSTMs: (B, T, F) → (B, S, D)."""

    def __init__(self, c: LASConfig) -> None:
        super().__init__()
        if any(not 1 <= i <= c.layers for i in c.pyramid):
            raise ValueError(f"pyramid {c.pyramid} names layers outside 1 to {c.layers}")
        self.pyramid = c.pyramid
        self.front = Subsampling(c.bins, c.width, c.subsampling, c.channels)
        self.layers = nn.ModuleList(
            BiLSTM(c.width * (2 if i in c.pyramid else 1), c.width) for i in range(1, c.layers + 1)
        )
        self.join = nn.ModuleList(nn.Linear(2 * c.width, c.width) for _ in range(c.layers))
        self.norms = nn.ModuleList(nn.LayerNorm(c.width) for _ in range(c.layers))
        self.dropout = Dropout(c.dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """features (B, T, F), lengths (B,) → frames (B, S, D) and their lengths (B,)"""
        x, lengths = self.front(features, lengths)
        parts = zip(self.layers, self.join, self.norms, strict=True)
        for i, (layer, join, norm) in enumerate(parts, 1):
            if i in self.pyramid:
                x = F.pad(x, (0, 0, 0, x.shape[1] % 2)).unflatten(1, (-1, 2)).flatten(2)
                lengths = (lengths + 1) // 2
            x = self.dropout(norm(F.silu(join(layer(x, lengths)))))
            x = masked(x, lengths)
        return x, lengths


class LASState(NamedTuple):
    hidden: tuple[tuple[Tensor, Tensor], ...]
    """for each layer h and c (R, D)"""
    context: Tensor
    """(R, D) the last context vector, fed into the next step"""
    weights: Tensor
    """(R, S) the last attention weights"""


class LASDecoder(nn.Module):
    """An LSTM that is fed its last token and its last context vector (input feeding, Luong et al.
    2015, arXiv:1508.04025)."""

    def __init__(self, c: LASConfig) -> None:
        super().__init__()
        self.width = c.decoder_width
        self.embed = nn.Embedding(c.vocab, c.decoder_width)
        sizes = [c.decoder_width + c.width] + [c.decoder_width] * (c.decoder_layers - 1)
        self.cells = nn.ModuleList(nn.LSTMCell(size, c.decoder_width) for size in sizes)
        self.attention = Attention(
            c.attention, c.decoder_width, c.width, c.heads, c.location_kernel
        )
        self.mix = nn.Linear(c.decoder_width + c.width, c.decoder_width)
        self.out = nn.Linear(c.decoder_width, c.vocab)
        self.dropout = Dropout(c.dropout)

    def start(self, memory: Memory, beams: int) -> LASState:
        B, S, D = memory.frames.shape
        zero = memory.frames.new_zeros(B * beams, self.width, dtype=torch.float32)
        return LASState(
            tuple((zero, zero) for _ in self.cells),
            memory.frames.new_zeros(B * beams, D),
            memory.frames.new_zeros(B * beams, S, dtype=torch.float32),
        )

    def one(
        self, embedded: Tensor, state: LASState, memory: Memory
    ) -> tuple[Tensor, Tensor, LASState]:
        """embedded (R, D) → output (R, D), weights (R, H, S), state."""
        B = memory.frames.shape[0]
        x = torch.cat([embedded, state.context.to(embedded.dtype)], -1)
        hidden = []
        for cell, (h, c) in zip(self.cells, state.hidden, strict=True):
            h, c = cell(x, (h.to(x.dtype), c.to(x.dtype)))
            hidden.append((h, c))
            x = self.dropout(h)
        before = state.weights.view(B, -1, state.weights.shape[1])
        context, weights = self.attention(
            x.view(B, -1, self.width), memory.keys, memory.mask, before
        )
        context, weights = context.flatten(0, 1), weights.flatten(0, 1)  # (R, D), (R, H, S)
        mixed = torch.tanh(self.mix(torch.cat([x, context.to(x.dtype)], -1)))
        return mixed, weights, LASState(tuple(hidden), context, weights.mean(1))

    def run(
        self, memory: Memory, tokens: Tensor, state: LASState
    ) -> tuple[Tensor, Tensor, LASState]:
        """tokens (R, U) → logits (R, U, V), weights (R, H, U, S), state."""
        embedded = self.dropout(self.embed(tokens))  # (R, U, D)
        outputs, looks = [], []
        for step in embedded.unbind(1):
            output, weights, state = self.one(step, state, memory)
            outputs.append(output)
            looks.append(weights)
        logits = self.out(self.dropout(torch.stack(outputs, 1)))
        return logits, torch.stack(looks, 2), state


class LAS(CtcNet):
    """Convolutions and BiLSTM encoder, attending LSTM decoder, optional CTC head."""

    name: ClassVar[str] = "las"
    Config: ClassVar[type] = LASConfig

    def __init__(self, config: LASConfig) -> None:
        super().__init__()
        c = self.config = config
        self.encoder = LASEncoder(c)
        self.decoder = LASDecoder(c)
        self.head = nn.Linear(c.width, c.vocab) if c.ctc else None

    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        frames, sizes = self.encoder(features, lengths)
        step_s = FRAME_S * self.config.subsampling * 2 ** len(self.config.pyramid)
        return Memory(frames, sizes, self.decoder.attention.keys(frames), step_s)

    def start(self, memory: Memory, beams: int) -> LASState:
        return self.decoder.start(memory, beams)

    def step(self, tokens: Tensor, state: LASState, memory: Memory) -> Step:
        logits, weights, state = self.decoder.run(memory, tokens, state)
        return Step(logits[:, -1].float().log_softmax(-1), weights[:, :, -1].mean(1), state)

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        return self.decoder.run(memory, tokens, self.decoder.start(memory, 1))[0]

    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        weights = self.decoder.run(memory, tokens, self.decoder.start(memory, 1))[1]
        return weights[:, None]  # (B, 1, H, U, S)
