"""Compound words: "tv set" for "tvset", "every-one" for "everyone".

Which spelling is right is a matter of taste, so with ``--compounds`` they are not errors but
counted separately: before the final alignment the hypothesis is given the spelling of the
reference. This holds for one word against several, or two that differ in a hyphen; "an ice" for "a
nice" is an error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from attnasr_cli.scoring.types import Compound

PARTS = 4  # words that one may be written as
_HYPHENS = str.maketrans("", "", "-\u2010\u2011\u2013")
_WINDOW = 64  # columns that are aligned anew at a time
_ERROR, _COMPOUND = 1000, 1  # of two ways with as many errors, the one with fewer compounds


def find(reference: Sequence[str], hypothesis: Sequence[str], ops: str) -> list[Compound]:
    """The compounds among the errors of an alignment, from left to right.

    ops: the columns of the alignment of these words, one letter (C S D I) each. Only windows around
    errors are searched, so the time is linear in the number of words.
    """
    found: list[Compound] = []
    for (r0, r1), (h0, h1) in _windows(ops):
        ref, hyp = list(reference[r0:r1]), list(hypothesis[h0:h1])
        for i, m, j, n in _in_window(ref, hyp):
            words, said = " ".join(ref[i : i + m]), " ".join(hyp[j : j + n])
            found.append(Compound(words, said, r0 + i, h0 + j))
    return found


def rewritten(hypothesis: Sequence[str], found: Sequence[Compound]) -> list[str]:
    """The hypothesis with its compounds as the reference has them."""
    words: list[str] = []
    at = 0
    for one in found:
        words += [*hypothesis[at : one.hypothesis_at], *one.reference.split()]
        at = one.hypothesis_at + len(one.hypothesis.split())
    return [*words, *hypothesis[at:]]


def _windows(ops: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Ranges of reference and hypothesis words around the errors, with one column on each side."""
    spans: list[list[int]] = []  # columns
    for column, op in enumerate(ops):
        if op in "CO":
            continue
        near = spans and column - spans[-1][1] <= PARTS and column - spans[-1][0] < _WINDOW
        if near:
            spans[-1][1] = column + 1
        else:
            spans.append([column, column + 1])
    found = []
    r = h = at = 0
    for number, (begin, end) in enumerate(spans):
        begin = max(begin - 1, at)
        limit = spans[number + 1][0] if number + 1 < len(spans) else len(ops)
        end = min(end + 1, limit)
        skipped, inside = ops[at:begin], ops[begin:end]
        r, h = r + _references(skipped), h + _hypotheses(skipped)
        r_end, h_end = r + _references(inside), h + _hypotheses(inside)
        found.append(((r, r_end), (h, h_end)))
        r, h, at = r_end, h_end, end
    return found


def _references(ops: str) -> int:
    return len(ops) - ops.count("I")


def _hypotheses(ops: str) -> int:
    return len(ops) - ops.count("D") - ops.count("O")


_Move = tuple[int, int, int, int]  # reference word, how many, hypothesis word, how many


def _in_window(ref: list[str], hyp: list[str]) -> list[_Move]:
    """The compounds of the alignment of a window that has the fewest errors."""
    moves = _moves(ref, hyp)
    if not moves:
        return []
    ending: defaultdict[tuple[int, int], list[_Move]] = defaultdict(list)
    for move in moves:
        ending[move[0] + move[1], move[2] + move[3]].append(move)
    costs: dict[tuple[int, int], int] = {(0, 0): 0}
    back: dict[tuple[int, int], _Move] = {}
    for i in range(len(ref) + 1):
        for j in range(len(hyp) + 1):
            ways = [(costs[m[0], m[2]] + _COMPOUND, m) for m in ending[i, j]]
            if i and j:
                changed = _ERROR * (ref[i - 1] != hyp[j - 1])
                ways.append((costs[i - 1, j - 1] + changed, (i - 1, 1, j - 1, 1)))
            if i:
                ways.append((costs[i - 1, j] + _ERROR, (i - 1, 1, j, 0)))
            if j:
                ways.append((costs[i, j - 1] + _ERROR, (i, 0, j - 1, 1)))
            if ways:
                costs[i, j], back[i, j] = min(ways)
    known, found = set(moves), []
    i, j = len(ref), len(hyp)
    while i or j:
        move = back[i, j]
        i, j = move[0], move[2]
        if move in known:
            found.append(move)
    return found[::-1]


def _moves(ref: list[str], hyp: list[str]) -> list[_Move]:
    """Every place where some words differ from one in spaces and hyphens only."""
    refs, hyps = ([word.translate(_HYPHENS) for word in side] for side in (ref, hyp))
    moves: set[_Move] = set()
    for i, m, j in _joined(refs, hyps):
        if ref[i : i + m] != [hyp[j]]:
            moves.add((i, m, j, 1))
    for j, n, i in _joined(hyps, refs):
        if hyp[j : j + n] != [ref[i]]:
            moves.add((i, 1, j, n))
    return sorted(moves)


def _joined(parts: list[str], wholes: list[str]) -> list[tuple[int, int, int]]:
    """Where up to ``PARTS`` neighbours joined are one of the wholes, as (first, size, whole)."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(wholes):
        if word:
            places[word].append(place)
    return [
        (first, size, place)
        for first in range(len(parts))
        for size in range(1, min(PARTS, len(parts) - first) + 1)
        if all(parts[first : first + size])
        for place in places.get("".join(parts[first : first + size]), ())
    ]
