"""When each token was said: the best path through a CTC head, or through cross-attention.

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
    """Memory positions of each token: from ``first`` (U,) up to and with ``last`` (U,)."""

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
    cost: Floats = -sharpest(weights).cpu().numpy()  # (U, S)
    return warp(cost)


def sharpest(weights: Tensor) -> Tensor:
    """Cross-attention weights (L, H, U, S) of one utterance → (U, S) of those heads that say where
    a token is: the quarter that looks at the fewest positions at a time, averaged."""
    heads = weights.flatten(0, 1).float()  # (L·H, U, S)
    sharpness = heads.amax(-1).mean(-1)  # (L·H,)
    best = sharpness.topk(max(heads.shape[0] // 4, 1)).indices
    return heads[best].mean(0)


def warp(cost: Floats) -> Spans:
    """The cheapest monotonic path through cost (U, S), every token at one position or more."""
    U, S = cost.shape
    if S < U:  # more tokens than positions: spread evenly
        first = np.arange(U) * S // max(U, 1)
        return Spans(first, first)
    before = np.full(S + 1, 1e30)  # cheapest way to have done with the tokens before position s
    before[0] = 0.0
    stepped = np.zeros((U, S), bool)  # true: the best path enters this token anew at s
    for u in range(U):
        spent = np.concatenate([[0.0], np.cumsum(cost[u], dtype=np.float64)])  # (S + 1,)
        entry = before[:-1] - spent[:-1]  # (S,) enter this token at position s
        best = np.minimum.accumulate(entry)
        stepped[u] = entry <= best
        total = best + spent[1:]  # (S,) cheapest way to be in this token at s
        before = np.concatenate([[1e30], total])
    first, last = np.zeros(U, np.int64), np.zeros(U, np.int64)
    u = U - 1
    last[u] = S - 1
    for s in range(S - 1, 0, -1):
        if stepped[u, s]:
            first[u] = s
            u -= 1
            last[u] = s - 1
    return Spans(first, last)
