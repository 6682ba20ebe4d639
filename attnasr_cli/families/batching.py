"""Groups segments of similar length into batches within a budget of seconds."""

from __future__ import annotations

from collections.abc import Sequence


def pack(durations_s: Sequence[float], budget_s: float) -> list[list[int]]:
    """Indices of each batch, longest segments first.

    A batch costs its longest segment times their number, as all are padded to it; that stays
    within the budget unless a single segment is longer than it. Ties keep their order, so the
    same segments always give the same batches.
    """
    batches: list[list[int]] = []
    for i in sorted(range(len(durations_s)), key=lambda i: -durations_s[i]):
        if batches and durations_s[batches[-1][0]] * (len(batches[-1]) + 1) <= budget_s:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
