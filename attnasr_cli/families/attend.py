"""Teacher-force a decoded text again and return its attention: the part that families share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from attnasr_cli.audio.frames import FRAME_S, SAMPLE_RATE_HZ
from attnasr_cli.families.base import SegmentAttention
from attnasr_cli.nets.protocol import Net


@torch.inference_mode()
def attend(
    net: Net,
    features: Tensor,
    length: int,
    samples: Tensor,
    prompt: Sequence[int],
    tokens: Sequence[int],
    pieces: list[str],
    words: list[tuple[str, int, int]],
    heads: Sequence[tuple[int, int]] = (),
) -> SegmentAttention:
    """The attention of a net to one segment while it writes ``tokens`` after ``prompt``.

    features (1, T, F), of which ``length`` frames are audio, on the net's device; samples (N,) they
    are of; pieces and words: see ``SegmentAttention``; heads: those that follow the audio, all by
    default.
    """
    device = features.device
    fed = torch.tensor([[*prompt, *tokens[:-1]]], device=device)
    memory = net.encode(features, torch.tensor([length], device=device))
    weights = net.attend(memory, fed)[0]  # (L, H, prompt + U - 1, S)
    audio = math.ceil(round(length * FRAME_S / memory.step_s, 6))
    return SegmentAttention(
        samples.shape[0] / SAMPLE_RATE_HZ,
        pieces,
        words,
        weights[:, :, len(prompt) - 1 :, : min(audio, int(memory.lengths[0]))].float().cpu(),
        list(heads) or all_heads(weights),
        memory.step_s,
        features[0, :length].float().cpu(),
    )


def all_heads(weights: Tensor) -> list[tuple[int, int]]:
    """Every (layer, head) of weights (L, H, …)."""
    return [(n, h) for n in range(weights.shape[0]) for h in range(weights.shape[1])]
