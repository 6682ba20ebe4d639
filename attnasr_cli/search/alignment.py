"""Aligns tokens with memory positions: forced alignment through a CTC head, or dynamic time warping
over cross-attention weights.

S memory positions, U tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attnasr_cli.nets.protocol import BLANK

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
NEVER = np.float32(-1e30)


class Spans(NamedTuple):
    """The memory positions of each of U tokens: ``first`` (U,) to ``last`` (U,), both included."""

    first: Ints
    last: Ints


def ctc_align(log_probs: Tensor, tokens: Sequence[int]) -> Spans | None:
    """The most probable CTC path that spells the tokens (forced alignment, Viterbi).

    log_probs (S, V) of one utterance. None where the tokens do not fit into S positions.
    """
    U, S = len(tokens), log_probs.shape[0]
    if U == 0:
        return Spans(np.zeros(0, np.int64), np.zeros(0, np.int64))
    # States: blank, token 0, blank, token 1, …, blank: 2U + 1 of them.
    labels = np.full(2 * U + 1, BLANK, np.int64)
    labels[1::2] = tokens
    emit: Floats = log_probs[:, torch.from_numpy(labels)].float().cpu().numpy()  # (S, 2U+1)
    may_skip = np.zeros(2 * U + 1, bool)  # from a token straight to the next, if they differ
    may_skip[3::2] = labels[3::2] != labels[1:-2:2]
    score = np.full(2 * U + 1, NEVER, np.float32)
    score[:2] = emit[0, :2]
    came_from = np.zeros((S, 2 * U + 1), np.int8)
    for s in range(1, S):
        one = np.concatenate([[NEVER], score[:-1]])
        two = np.where(may_skip, np.concatenate([[NEVER, NEVER], score[:-2]]), NEVER)
        options = np.stack([score, one, two])  # (3, 2U+1): stay, step, skip
        step = options.argmax(0)
        came_from[s] = step
        score = np.take_along_axis(options, step[None], 0)[0] + emit[s]
    state = 2 * U if score[2 * U] > score[2 * U - 1] else 2 * U - 1
    if score[state] <= NEVER / 2:
        return None
    first, last = np.zeros(U, np.int64), np.full(U, -1, np.int64)
    for s in range(S - 1, -1, -1):
        if state % 2:
            u = state // 2
            first[u] = s
            last[u] = max(last[u], s)
        state -= int(came_from[s, state])
    return Spans(first, last)


def attention_align(weights: Tensor) -> Spans:
    """Monotonic path through cross-attention weights (L, H, U, S) of one utterance, by dynamic time
    warping."""
    sharp = sharpest(weights)
    # Never below 0, so that a longer path never costs less.
    tokens, positions = dtw((sharp.max() - sharp).double().cpu().numpy())
    U = sharp.shape[0]
    first = np.searchsorted(tokens, np.arange(U))
    last = np.searchsorted(tokens, np.arange(U), "right") - 1
    return Spans(positions[first], positions[last])


def sharpest(weights: Tensor) -> Tensor:
    """Average the cross-attention weights (L, H, U, S) of one utterance over the heads that follow
    the audio: the quarter whose weights are most concentrated. Returns (U, S)."""
    heads = weights.flatten(0, 1).float()  # (L·H, U, S)
    sharpness = heads.amax(-1).mean(-1)  # (L·H,)
    best = sharpness.topk(max(heads.shape[0] // 4, 1)).indices
    return heads[best].mean(0)


def dtw(cost: npt.NDArray[np.float64]) -> tuple[Ints, Ints]:
    """The cheapest monotonic path through a cost matrix (U, S), as indices along both axes.

    Computed one anti-diagonal at a time, whose cells do not depend on each other.
    """
    U, S = cost.shape
    trace = np.full((U + 1, S + 1), 2, dtype=np.int8)
    trace[:, 0] = 1
    trace[0, :] = 2
    older = np.full(U + 1, np.inf, dtype=np.float32)  # diagonal d − 2, by row
    old = older.copy()  # diagonal d − 1
    older[0] = 0.0  # the corner: d = 0
    for d in range(2, U + S + 1):
        i = np.arange(max(1, d - S), min(U, d - 1) + 1)
        both, down, right = older[i - 1], old[i - 1], old[i]
        step = np.where(
            (both < down) & (both < right), 0, np.where((down < both) & (down < right), 1, 2)
        ).astype(np.int8)
        best = np.choose(step, (both, down, right))
        new = np.full(U + 1, np.inf, dtype=np.float32)
        new[i] = cost[i - 1, d - i - 1] + best
        trace[i, d - i] = step
        older, old = old, new
    path = []
    i_, j_ = U, S
    while i_ > 0 or j_ > 0:
        path.append((i_ - 1, j_ - 1))
        step_ = trace[i_, j_]
        i_ -= int(step_ != 2)
        j_ -= int(step_ != 1)
    indices = np.array(path[::-1])
    return indices[:, 0], indices[:, 1]
