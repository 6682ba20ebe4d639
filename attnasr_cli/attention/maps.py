"""Attention weights of decoded segments, for pages, pictures and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.errors import UsageError
from attnasr_cli.families.attend import all_heads
from attnasr_cli.families.base import (
    Decoded,
    RecordingDecoder,
    SegmentAttention,
    SegmentDecoder,
)

MOST_WEIGHTS = 500_000_000
"""2 GB in float32: over half an hour of audio with a small net, one or two windows with a large
one"""
EXTRA = "attention"
"""key of ``Decoded.extra``"""


class Attending:
    """Wraps a decoder and stores the attention of every decoded segment in
    ``extra["attention"]``."""

    def __init__(
        self, decoder: SegmentDecoder, layer: int | None = None, head: int | None = None
    ) -> None:
        """layer, head: which one to keep, counted from 1; all by default. Raises UsageError for a
        layer or head that the net does not have."""
        if layer is not None or head is not None:  # a second of silence shows what there is
            silence = torch.zeros(SAMPLE_RATE_HZ)
            chosen(decoder.attention(silence, Decoded([], 0.0)), layer, head)
        self.decoder, self.layer, self.head = decoder, layer, head
        self.kept = 0
        self.max_segment_s, self.min_cost_s = decoder.max_segment_s, decoder.min_cost_s
        self.placement = decoder.placement

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.decoder.settings

    @property
    def sequential(self) -> bool:
        return self.decoder.sequential

    def changed(self, options: Any) -> Attending:
        return Attending(self.decoder.changed(options), self.layer, self.head)

    def recording(self) -> RecordingDecoder:
        return self.decoder.recording()

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        return self.decoder.attention(samples, decoded)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """Decode segments (N,) and add their attention. Raises UsageError where more than
        MOST_WEIGHTS are kept."""
        return [
            self._with_attention(samples, found)
            if any(piece.tokens for piece in found.pieces)
            else found
            for samples, found in zip(segments, self.decoder.decode(segments), strict=True)
        ]

    def _with_attention(self, samples: Tensor, found: Decoded) -> Decoded:
        attention = self.decoder.attention(samples, found)
        attention = chosen(attention, self.layer, self.head)
        self.kept += attention.weights.numel()
        if self.kept > MOST_WEIGHTS:
            raise UsageError(
                f"more than {MOST_WEIGHTS / 1e6:.0f} million weights of attention",
                "choose a part with --start and --end, or --layer and --head",
            )
        return replace(found, extra={**found.extra, EXTRA: attention})


def chosen(found: SegmentAttention, layer: int | None, head: int | None) -> SegmentAttention:
    """Keep the weights of one layer, one head, or both, counted from 1. Raises UsageError for one
    that the net does not have."""
    if layer is None and head is None:
        return found
    parts: list[slice] = []
    for name, number, count in zip(
        ("layer", "head"), (layer, head), found.weights.shape[:2], strict=True
    ):
        if number is not None and not 1 <= number <= count:
            plural = "s" if count > 1 else ""
            raise UsageError(f"--{name} {number}", f"the decoder has {count} {name}{plural}")
        parts.append(slice(None) if number is None else slice(number - 1, number))
    weights = found.weights[parts[0], parts[1]].clone()  # a view would keep all of them in memory
    return replace(found, weights=weights, heads=all_heads(weights))
