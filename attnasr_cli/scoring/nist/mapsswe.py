"""The matched-pairs sentence-segment word error test (Gillick and Cox 1989), as sc_stats does it.

Errors of neighbouring words are not independent, so utterances are cut into segments that are:
a segment ends where both systems got two words in a row right. The test asks whether the mean
difference of errors per segment can be 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from attnasr_cli.scoring.types import Row

GOOD = 2  # words in a row that both got right end a segment


@dataclass(frozen=True, slots=True)
class Mapsswe:
    """The result; ``mean`` is errors of the first system minus the second, per segment."""

    segments: int
    mean: float
    std_dev: float
    z: float
    p_value: float | None  # two-sided; None with fewer than two segments


def compare(pairs: Iterable[tuple[Row, Row]]) -> Mapsswe:
    """Compare two systems on rows of the same utterances."""
    deltas: list[int] = []
    for first, second in pairs:
        deltas += [a - b for a, b in segments(first, second)]
    count = len(deltas)
    if count < 2:
        return Mapsswe(count, float(sum(deltas)), 0.0, 0.0, None)
    mean = sum(deltas) / count
    deviation = math.sqrt(sum((d - mean) ** 2 for d in deltas) / (count - 1))
    if not deviation:
        z = math.copysign(math.inf, mean) if mean else 0.0
    else:
        z = mean / (deviation / math.sqrt(count))
    return Mapsswe(count, mean, deviation, z, math.erfc(abs(z) / math.sqrt(2)))


def segments(first: Row, second: Row) -> list[tuple[int, int]]:
    """The errors of both systems in each segment of one utterance."""
    found: list[tuple[int, int]] = []
    a = b = good = 0
    inside = False  # an error has been seen since the last segment
    before_a, errors_a, rest_a = _by_slot(first)
    before_b, errors_b, rest_b = _by_slot(second)
    for slot in sorted(errors_a.keys() | errors_b.keys()):
        inserted = before_a.get(slot, 0), before_b.get(slot, 0)
        wrong = errors_a.get(slot, 0), errors_b.get(slot, 0)
        a, b = a + inserted[0] + wrong[0], b + inserted[1] + wrong[1]
        if any(inserted):
            inside, good = True, 0
        if any(wrong):
            inside, good = True, 0
        elif inside:
            good += 1
            if good == GOOD:
                found.append((a, b))
                a = b = good = 0
                inside = False
    a, b = a + rest_a, b + rest_b
    return [*found, (a, b)] if a or b else found


def _by_slot(row: Row) -> tuple[dict[int, int], dict[int, int], int]:
    """Insertions before each item of the reference, errors in it, insertions after the last.

    An item is a word, or one choice of alternatives, so that both systems have the same items
    even where they read the reference differently.
    """
    before: dict[int, int] = {}
    errors: dict[int, int] = {}
    waiting = word = 0
    for op in row.ops:
        if op == "I":
            waiting += 1
            continue
        slot = row.slots[word] if row.slots is not None else word
        word += 1
        if waiting:
            before[slot] = before.get(slot, 0) + waiting
            waiting = 0
        errors[slot] = errors.get(slot, 0) + (op in "SD")
    return before, errors, waiting
