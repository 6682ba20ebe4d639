"""The training loss: cross-entropy of the decoder with label smoothing, and CTC on the encoder
(Graves et al. 2006), weighted with shares that sum to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.families.recipe.sections import LossConfig
from attnasr_cli.nets.protocol import Net

IGNORE = -100
STEP = 16


class Losses(NamedTuple):
    total: Tensor
    """() the weighted sum, which is minimised"""
    attention: Tensor
    """nats a token"""
    ctc: Tensor
    """nats a token; 0 without a CTC head"""


def losses(
    net: Net,
    features: Tensor,
    lengths: Tensor,
    targets: list[list[int]],
    prompt: int | Sequence[int],
    eos: int,
    config: LossConfig,
    counted: Sequence[Sequence[int]] | None = None,
) -> Losses:
    """Losses of a batch as means over its tokens.

    features (B, T, F), lengths (B,) in frames, targets: the tokens of each utterance without prompt
    and end. prompt: the n tokens that every text starts with, usually the start token alone; they
    are fed but not scored. counted: the tokens of all utterances of a larger batch that these are a
    part of; the losses are then shares of its means, which add up over the parts.
    """
    counted = targets if counted is None else counted
    tokens = sum(len(t) for t in counted)
    device = features.device
    fed = [prompt] if isinstance(prompt, int) else list(prompt)
    unscored = [IGNORE] * (len(fed) - 1)
    most = net.max_tokens
    inputs = _pad([[*fed, *t] for t in targets], 0, most, device)  # (B, n + U)
    wanted = _pad([[*unscored, *t, eos] for t in targets], IGNORE, most, device)  # (B, n + U)
    memory = net.encode(features, lengths)
    zero = torch.zeros((), device=device)
    share = config.ctc if net.has_ctc else 0.0
    attention = zero
    if share < 1:
        logits = net.decode(memory, inputs).float()  # (B, n + U, V)
        attention = F.cross_entropy(
            logits.flatten(0, 1),
            wanted.flatten(),
            ignore_index=IGNORE,
            label_smoothing=config.smoothing,
            reduction="sum",
        ) / (tokens + len(counted))  # each text has its end token too
    ctc = zero
    if share > 0:
        sizes = torch.tensor([len(t) for t in targets], device=device)
        flat = torch.tensor([i for t in targets for i in t], dtype=torch.long, device=device)

        def one(head: Tensor) -> Tensor:
            """Mean nats a token; an utterance too short for its text is left out."""
            log_probs = head.float().log_softmax(-1).transpose(0, 1)  # (S, B, V)
            summed = F.ctc_loss(
                log_probs, flat, memory.lengths, sizes, reduction="sum", zero_infinity=True
            )
            return summed / max(tokens, 1)

        ctc = one(net.ctc(memory))
        if memory.inner_ctc:
            inner = torch.stack([one(head) for head in memory.inner_ctc]).mean()
            ctc = (1 - config.inner) * ctc + config.inner * inner
    total = (1 - share) * attention + share * ctc
    return Losses(total, attention.detach(), ctc.detach())


def _pad(rows: list[list[int]], value: int, most: int | None, device: torch.device) -> Tensor:
    """Rows as a tensor (B, longest), with the length rounded up to few distinct values (see
    sampler.py), but not above ``most``."""
    longest = max(map(len, rows))
    rounded = -(-longest // STEP) * STEP
    longest = max(longest, rounded if most is None else min(rounded, most))
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows], device=device)
