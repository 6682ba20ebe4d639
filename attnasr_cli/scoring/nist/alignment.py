"""sclite's alignment of plain texts: substitution 4, deletion 3, insertion 3, many at a time.

The same costs and ties as ``network.align``, on whole batches of utterances by anti-diagonals:
cell (i, j) needs only (i-1, j-1) two diagonals back and (i-1, j), (i, j-1) one back.

Axes: B utterances · i reference words · d = i + j, the diagonal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnasr_cli.errors import DataError

SUBSTITUTE, GAP = 4, 3
_CELLS = 1 << 19  # 512 KiB of moves in one batch: small enough for a cache
_MOST = 1 << 30  # one utterance may need 1 GiB: about 23,000 words against 23,000
_PAIR, _DELETE, _INSERT = 0, 1, 2


def align(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]) -> list[str]:
    """The columns of each pair as a string of C, S, D and I."""
    ids: defaultdict[str, int] = defaultdict()
    ids.default_factory = ids.__len__
    refs = [[ids[word] for word in words] for words in references]
    hyps = [[ids[word] for word in words] for words in hypotheses]
    ops = [""] * len(refs)
    # pairs of like size share a batch, so that little of it is padding
    order = sorted(range(len(refs)), key=lambda k: (len(refs[k]), len(hyps[k])))
    start = 0
    while start < len(order):
        stop, height, width = start, 0, 0
        while stop < len(order):
            n, m = len(refs[order[stop]]), len(hyps[order[stop]])
            new = max(height, n), max(width, m)
            if stop > start and (stop + 1 - start) * _cells(*new) > _CELLS:
                break
            (height, width), stop = new, stop + 1
        if _cells(height, width) > _MOST:
            raise DataError(
                f"one utterance has {height:,} reference and {width:,} hypothesis words: too many"
                " for the nist alignment",
                "score shorter segments (stm with ctm), or use --alignment levenshtein",
            )
        batch = order[start:stop]
        found = _batch([refs[k] for k in batch], [hyps[k] for k in batch], height, width)
        for k, text in zip(batch, found, strict=True):
            ops[k] = text
        start = stop
    return ops


def _cells(height: int, width: int) -> int:
    return (height + width + 1) * (height + 1)


def _pad(rows: list[list[int]], width: int, fill: int) -> NDArray[np.int32]:
    out = np.full((len(rows), width), fill, np.int32)  # (B, width)
    for row, values in zip(out, rows, strict=True):
        row[: len(values)] = values
    return out


def _batch(refs: list[list[int]], hyps: list[list[int]], height: int, width: int) -> list[str]:
    ref, hyp = _pad(refs, height, -1), _pad(hyps, width, -2)  # (B, height), (B, width)
    moves = _moves(ref, hyp)  # (d, B, i)
    rows = np.arange(len(refs))
    i = np.array([len(r) for r in refs])
    j = np.array([len(h) for h in hyps])
    longest = int((i + j).max(initial=0))
    ops = np.full((len(refs), longest), ord(" "), np.uint8)  # (B, columns), from the right
    letters = np.frombuffer(b"CSDI", np.uint8)
    for column in range(longest - 1, -1, -1):
        alive = (i + j) > 0
        if not alive.any():
            break
        move = moves[i + j, rows, i]
        paired = alive & (move == _PAIR)
        at_i, at_j = np.maximum(i - 1, 0), np.maximum(j - 1, 0)
        changed = np.zeros(len(refs), bool)
        if height and width:
            changed = ref[rows, at_i] != hyp[rows, at_j]
        kind = np.where(paired, changed.astype(np.int64), move.astype(np.int64) + 1)
        ops[alive, column] = letters[kind[alive]]
        i = i - (alive & (move != _INSERT))
        j = j - (alive & (move != _DELETE))
    return [bytes(row).decode("ascii").strip() for row in ops]


def _moves(ref: NDArray[np.int32], hyp: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The move that reaches each cell, (d, B, i)."""
    count, height = ref.shape
    width = hyp.shape[1]
    moves = np.full((height + width + 1, count, height + 1), _DELETE, np.uint8)
    older = np.zeros((count, height + 1), np.int32)  # costs on diagonal d - 2, by i
    newer = np.zeros((count, height + 1), np.int32)  # costs on diagonal d - 1
    for d in range(1, height + width + 1):
        costs = np.zeros((count, height + 1), np.int32)
        low, high = max(1, d - width), min(height, d - 1)  # i with both words present
        if low <= high:
            i = slice(low, high + 1)
            before = slice(low - 1, high)
            # j = d - i runs down while i runs up; word j is hyp[:, j - 1]
            said = hyp[:, d - high - 1 : d - low][:, ::-1]
            pair = older[:, before] + SUBSTITUTE * (ref[:, before] != said)
            delete = newer[:, before] + GAP
            insert = newer[:, i] + GAP
            best = np.minimum(delete, insert)
            gap = np.where(delete < insert, np.uint8(_DELETE), np.uint8(_INSERT))
            moves[d, :, i] = np.where(pair <= best, np.uint8(_PAIR), gap)
            costs[:, i] = np.minimum(pair, best)
        if d <= width:  # i = 0: only insertions
            costs[:, 0] = GAP * d
            moves[d, :, 0] = _INSERT
        if d <= height:  # j = 0: only deletions
            costs[:, d] = GAP * d
        older, newer = newer, costs
    return moves
