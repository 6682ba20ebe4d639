"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998), also of pruned models.

Of an n-gram (h, w) of order k, with a(hw) its adjusted count and h' the context one word shorter:

    p(w|h) = max(a(hw) - D(a), 0) / A(h) + γ(h) p(w|h'),    A(h) = Σ_w a(hw)

D has three values an order (counts 1, 2, and 3 or more) and γ(h) is what makes the sum 1. At the
highest order a is the count. Below it is the number of different words seen to the left, for an
n-gram that begins a sentence its count; order 0 is uniform.

Pruning leaves n-grams out, which then come from the shorter context. So that the shorter context
stays right on average, an n-gram that is left out gives its whole adjusted count to its suffix,
where one that is kept gives 1 (revised Kneser pruning: Siivola, Hirsimäki and Virpioja 2007). With
nothing left out this is plain modified Kneser-Ney.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.counts import Level

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Estimate(NamedTuple):
    """Probabilities of every counted n-gram, kept or not."""

    probability: list[Floats]
    """per order (M,): p(last word | context)"""
    backoff: list[Floats]
    """per order but the highest (M,): γ of the n-gram as a context; 1 where it has nothing kept"""


def adjusted_counts(levels: Sequence[Level], kept: Sequence[Mask] | None = None) -> list[Floats]:
    """a of every order: see above. ``kept`` masks orders 1 … n; None keeps all."""
    adjusted: list[Floats] = [levels[-1].times.astype(np.float64)]
    for k in range(len(levels) - 2, -1, -1):
        above, below = levels[k + 1], levels[k]
        gives = None if kept is None else np.where(kept[k + 1], 1.0, adjusted[0])
        a = np.bincount(above.suffix, gives, len(below)).astype(np.float64)
        if k > 0:
            a = np.where(below.at_start, below.times, a)
        adjusted.insert(0, a)
    return adjusted


def discounts(adjusted: Floats) -> Floats:
    """D (4,) for adjusted counts 0, 1, 2, 3+ (Chen and Goodman 1998, equation 26)."""
    n = [float(np.count_nonzero(adjusted == i)) for i in range(1, 5)]
    if min(n) == 0:  # too small a text for the estimate
        return np.array([0.0, 0.5, 0.75, 0.9])
    y = n[0] / (n[0] + 2 * n[1])
    d = [i - (i + 1) * y * n[i] / n[i - 1] for i in range(1, 4)]
    return np.array([0.0, *(min(max(d[i], 0.05), i + 0.95) for i in range(3))])


def estimate(
    levels: Sequence[Level], kept: Sequence[Mask] | None = None, d: Sequence[Floats] | None = None
) -> Estimate:
    """Smoothed probabilities. ``d``: discounts of each order, by default of the full model."""
    adjusted = adjusted_counts(levels, kept)
    if d is None:
        d = [discounts(a) for a in (adjusted if kept is None else adjusted_counts(levels))]
    size = len(levels[0])
    probability: list[Floats] = []
    backoff: list[Floats] = []
    for k, level in enumerate(levels):
        a = adjusted[k]
        contexts = len(levels[k - 1]) if k else 1
        total = np.bincount(level.prefix, a, contexts)
        mass = a - d[k][np.minimum(a, 3).astype(np.int8)]
        if kept is not None and k:
            mass *= kept[k]
        with np.errstate(invalid="ignore", divide="ignore"):
            gamma = 1.0 - np.bincount(level.prefix, mass, contexts) / total
            gamma[total == 0] = 1.0
            mass /= total[level.prefix]
        lower = probability[-1][level.suffix] if k else np.full(size, 1.0 / size)
        lower *= gamma[level.prefix]
        lower += mass
        probability.append(lower)
        if k:
            backoff.append(gamma)
    return Estimate(probability, backoff)
