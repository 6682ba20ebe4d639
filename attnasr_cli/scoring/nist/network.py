"""The cheapest alignment of two networks of words, with the costs and ties of sclite.

Ties decide which errors are counted, so their order is part of the result: a substitution (or a
match) before a deletion before an insertion goes as in ``_cell``; among several words that may
come before, the first one written wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.scoring.nist.notation import NULL, Arc, Network


@dataclass(frozen=True, slots=True)
class Costs:
    """What a column costs, in thousandths so that sums are exact."""

    substitute: int
    gap: int  # a deleted or inserted word
    optional: int  # an optional word that is not said
    null: int  # a null alternative that is skipped
    nulls: int  # two null alternatives in one column


NIST = Costs(substitute=4000, gap=3000, optional=2000, null=1, nulls=1000)
# One error is one error, and what may be left out costs nothing.
UNIT = Costs(substitute=1000, gap=1000, optional=0, null=0, nulls=0)


@dataclass(frozen=True, slots=True)
class Aligned:
    """One reading of each side, column by column."""

    reference: list[str]
    hypothesis: list[str]
    ops: str  # C S D I, and O for an optional word that is not said
    slots: tuple[int, ...]  # of each reference word, the item of the text that it came from


def align(ref: Network, hyp: Network, costs: Costs) -> Aligned:
    """Dynamic programming over pairs of arcs; R·H cells."""
    width = len(hyp.arcs)
    cost = [[0] * width for _ in ref.arcs]
    back: list[list[tuple[int, int]]] = [[(0, 0)] * width for _ in ref.arcs]
    for b in range(1, width):
        best = _first_least(hyp.arcs[b].before, cost[0])
        cost[0][b] = cost[0][best] + _gap(hyp.arcs[b], costs)
        back[0][b] = (0, best)
    for a in range(1, len(ref.arcs)):
        _fill_row(a, ref, hyp, costs, cost, back)
    return _trace(ref, hyp, cost, back)


def _gap(arc: Arc, costs: Costs) -> int:
    if arc.word == NULL:
        return costs.null
    return costs.optional if arc.optional else costs.gap


def _first_least(candidates: tuple[int, ...], row: list[int]) -> int:
    return min(candidates, key=row.__getitem__)  # min keeps the first of equals


def _fill_row(
    a: int,
    ref: Network,
    hyp: Network,
    costs: Costs,
    cost: list[list[int]],
    back: list[list[tuple[int, int]]],
) -> None:
    arc, row = ref.arcs[a], cost[a]
    drop = _gap(arc, costs)
    above = min(arc.before, key=lambda p: cost[p][0])
    row[0] = cost[above][0] + drop
    back[a][0] = (above, 0)
    for b in range(1, len(hyp.arcs)):
        other = hyp.arcs[b]
        pairs = [(p, q) for p in arc.before for q in other.before]
        diagonal = min(pairs, key=lambda pq: cost[pq[0]][pq[1]])
        above = min(arc.before, key=lambda p: cost[p][b])
        left = _first_least(other.before, row)
        if arc.word == NULL and other.word == NULL:
            change = costs.nulls
        else:
            change = 0 if arc.word == other.word else costs.substitute
        paired = cost[diagonal[0]][diagonal[1]] + change
        deleted = cost[above][b] + drop
        inserted = row[left] + _gap(other, costs)
        if paired <= deleted and paired <= inserted:
            row[b], back[a][b] = paired, diagonal
        elif deleted < inserted:
            row[b], back[a][b] = deleted, (above, b)
        else:
            row[b], back[a][b] = inserted, (a, left)


def _trace(
    ref: Network, hyp: Network, cost: list[list[int]], back: list[list[tuple[int, int]]]
) -> Aligned:
    ends = [(p, q) for p in ref.last for q in hyp.last]
    a, b = min(ends, key=lambda pq: cost[pq[0]][pq[1]])
    words: list[str] = []
    said: list[str] = []
    slots: list[int] = []
    ops: list[str] = []
    while a or b:
        before_a, before_b = back[a][b]
        arc, other = ref.arcs[a], hyp.arcs[b]
        takes_ref = before_a != a and arc.word != NULL
        takes_hyp = before_b != b and other.word != NULL
        if takes_ref:
            words.append(arc.word)
            slots.append(arc.slot)
        if takes_hyp:
            said.append(other.word)
        if takes_ref and takes_hyp:
            ops.append("C" if arc.word == other.word else "S")
        elif takes_ref:
            ops.append("O" if arc.optional else "D")
        elif takes_hyp:
            ops.append("I")
        a, b = before_a, before_b
    return Aligned(words[::-1], said[::-1], "".join(reversed(ops)), tuple(slots[::-1]))
