"""The best continuations of all rows, without sorting the vocabulary for every row."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 64
"""tokens in a chunk: at first only the largest of each chunk is compared"""
WORTH_IT = 8
"""the chunked search is faster from this many chunks for each wanted token on"""


def best(scores: Tensor, gain: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The up to n largest sums of a row's score and the gain of a token, for each utterance.

    scores (B', W) of W rows an utterance, gain (B'·W, V) → sums (B', n), largest first, and their
    indices (B', n), row in the utterance · V + token.
    """
    count, W = scores.shape
    V = gain.shape[1]
    values, tokens = top(gain, min(n, V))  # (R, m): more than n of a row can never be wanted
    m = values.shape[1]
    total = scores[:, :, None] + values.view(count, W, m)
    ranked, place = total.view(count, W * m).topk(min(n, W * m), -1)
    token = tokens.view(count, W * m).gather(1, place)
    return ranked, torch.div(place, m, rounding_mode="floor") * V + token


def top(x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The n largest of each row of x (R, V) and where they stand, (R, n) each.

    They lie in the n chunks with the largest maxima, so after one pass that finds the maxima only
    those chunks are searched.
    """
    chunks = x.shape[1] // CHUNK
    if x.device.type != "cpu" or chunks < WORTH_IT * n:
        values, tokens = x.topk(n, -1)
        return values, tokens
    whole = x[:, : chunks * CHUNK].unflatten(1, (chunks, CHUNK))
    where = whole.amax(-1).topk(n, -1).indices  # (R, n)
    inside = whole.gather(1, where[:, :, None].expand(-1, -1, CHUNK)).flatten(1)  # (R, n·CHUNK)
    values, place = torch.cat([inside, x[:, chunks * CHUNK :]], 1).topk(n, -1)
    # What lies behind the last whole chunk stands at the end, as if of one more.
    first = torch.cat([where, where.new_full((x.shape[0], 1), chunks)], 1) * CHUNK
    chunk = place // CHUNK
    return values, first.gather(1, chunk) + place % CHUNK
