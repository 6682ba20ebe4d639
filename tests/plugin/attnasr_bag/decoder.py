"""The heavy half of the family: features and the decoder of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from attnasr_bag.family import BagOptions
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ, pad
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement
from attnasr_cli.families.attend import attend
from attnasr_cli.families.base import Decoded, Piece, RecordingDecoder, SegmentAttention
from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.search.beam import Hypothesis, search
from attnasr_cli.text.tokenizer import Tokenizer


class Loudness:
    """Mean loudness of ``bins`` slices of every 10 ms. bins divides 160."""

    def __init__(self, bins: int) -> None:
        self.bins = bins

    def extract(self, samples: Tensor) -> Tensor:
        """samples (N,) → (T, F), T = N // HOP"""
        frames = samples[: samples.shape[0] // HOP * HOP].view(-1, self.bins, HOP // self.bins)
        return frames.abs().mean(-1).log1p()

    def __call__(self, segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return pad([self.extract(samples) for samples in segments])


def read(net: Net, tokenizer: Tokenizer, memory: Memory, limit: int) -> list[list[Hypothesis]]:
    """A greedy search in every utterance of a memory."""
    prompt = torch.full((memory.frames.shape[0], 1), tokenizer.bos)
    return search(net, memory, prompt, tokenizer.eos, limit)


class BagDecoder:
    """Keeps ``attnasr_cli.families.base.SegmentDecoder``."""

    max_segment_s = 10.0
    min_cost_s = 0.0
    sequential = False

    def __init__(
        self, model: Model, placement: Placement, options: BagOptions, features: Loudness
    ) -> None:
        self.model, self.placement, self.options, self.features = (
            model,
            placement,
            options,
            features,
        )

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"max_tokens": self.options.max_tokens}

    @torch.inference_mode()
    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        if not segments:
            return []
        memory = self.model.net.encode(*self.features(segments))
        found = read(self.model.net, self.model.tokenizer, memory, self.options.max_tokens)
        return [
            self._decoded(best[0], samples) for best, samples in zip(found, segments, strict=True)
        ]

    def _decoded(self, best: Hypothesis, samples: Tensor) -> Decoded:
        average = best.log_prob / (len(best.tokens) + 1)
        text = self.model.tokenizer.decode(best.tokens)
        if not text:
            return Decoded([], average)
        duration_s = samples.shape[0] / SAMPLE_RATE_HZ
        return Decoded([Piece(0.0, duration_s, text, best.tokens, average)], average)

    def changed(self, options: BagOptions) -> BagDecoder:
        return BagDecoder(self.model, self.placement, options, self.features)

    def recording(self) -> RecordingDecoder:
        raise TypeError("segments are decoded on their own")

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        tokenizer = self.model.tokenizer
        tokens = [token for piece in decoded.pieces for token in piece.tokens]
        features, lengths = self.features([samples])
        pieces = [tokenizer.pieces[token] for token in tokens]
        return attend(
            self.model.net,
            features,
            int(lengths[0]),
            samples,
            [tokenizer.bos],
            tokens,
            pieces,
            [(piece, i, i + 1) for i, piece in enumerate(pieces)],
        )
