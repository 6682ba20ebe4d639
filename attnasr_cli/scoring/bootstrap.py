"""Confidence intervals of error rates by the bootstrap over utterances (Bisani and Ney 2004).

Utterances are drawn with replacement and the rate is computed anew, many times; the middle 95 % of
these rates are the interval, its ends moved for bias and skew (BCa, Efron 1987), as error counts
are skewed. Utterances with equal counts are drawn together (a multinomial over distinct counts), so
that the time depends on the number of distinct rows, not on that of utterances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

SAMPLES, SEED, LEVEL = 2000, 0, 0.95
_CHUNK = 4_000_000  # numbers drawn at once: 32 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval, and the settings that reproduce it."""

    low: float
    high: float
    samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Rate of the second system minus rate of the first, on the same utterances."""

    delta: float
    interval: Interval | None
    p_value: float | None  # two-sided: how often the difference has the other sign, doubled


@dataclass(frozen=True, slots=True)
class _Draws:
    """Drawn sums of each column, and the distinct rows that they are drawn from."""

    sums: Floats  # (columns, samples)
    rows: Floats  # (columns, kinds)
    times: Floats  # (kinds,): how many utterances are of a kind


def interval(
    errors: Sequence[int], lengths: Sequence[int], samples: int = SAMPLES, seed: int = SEED
) -> Interval | None:
    """The 95 % interval of sum(errors) / sum(lengths); None where there is too little."""
    draws = _draw([errors, lengths], samples, seed)
    if draws is None:
        return None
    rate, pull = _influence(draws, 0)
    return _middle(draws.sums[0] / draws.sums[1], rate, pull, draws.times, samples, seed)


def difference(
    first: Sequence[int],
    second: Sequence[int],
    first_lengths: Sequence[int],
    second_lengths: Sequence[int],
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Difference:
    """The paired bootstrap: both systems on the same drawn utterances."""
    draws = _draw([first, first_lengths, second, second_lengths], samples, seed)
    if draws is None:
        total, other = sum(first_lengths), sum(second_lengths)
        rates = sum(first) / total if total else 0.0, sum(second) / other if other else 0.0
        return Difference(rates[1] - rates[0], None, None)
    old, pull_old = _influence(draws, 0)
    new, pull_new = _influence(draws, 2)
    deltas = draws.sums[2] / draws.sums[3] - draws.sums[0] / draws.sums[1]
    span = _middle(deltas, new - old, pull_new - pull_old, draws.times, samples, seed)
    below, above = float(np.mean(deltas <= 0)), float(np.mean(deltas >= 0))
    return Difference(new - old, span, min(1.0, 2 * min(below, above)))


def _influence(draws: _Draws, column: int) -> tuple[float, Floats]:
    """The rate, and the influence of one utterance of each kind on it."""
    errors, lengths = draws.rows[column], draws.rows[column + 1]
    total = float(lengths @ draws.times)
    rate = float(errors @ draws.times) / total
    return rate, (errors - rate * lengths) / total


def _middle(
    values: Floats, rate: float, pull: Floats, times: Floats, samples: int, seed: int
) -> Interval:
    """The BCa interval: quantiles of the drawn values, corrected for bias and skew."""
    normal = NormalDist()
    spread = float((pull**2) @ times)
    tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    # ties count half, so that values that are all alike have no bias
    share = float(np.mean(values < rate) + np.mean(values == rate) / 2)
    if spread > 0 and 0 < share < 1:
        bias = normal.inv_cdf(share)
        skew = float((pull**3) @ times) / (6 * spread**1.5)
        moved = [bias + normal.inv_cdf(tail) for tail in tails]
        tails = (
            normal.cdf(bias + moved[0] / (1 - skew * moved[0])),
            normal.cdf(bias + moved[1] / (1 - skew * moved[1])),
        )
    low, high = np.quantile(values, sorted(tails))
    return Interval(float(low), float(high), samples, seed)


def _draw(columns: list[Sequence[int]], samples: int, seed: int) -> _Draws | None:
    """Draw utterances; odd columns are lengths, and draws without any length are left out."""
    kinds = sorted(Counter(zip(*columns, strict=True)).items())
    count = sum(times for _, times in kinds)
    if count < 2 or not all(sum(column) for column in columns[1::2]):
        return None
    rows = np.array([kind for kind, _ in kinds], np.float64)  # (kinds, columns)
    times = np.array([times for _, times in kinds], np.float64)
    rng = np.random.default_rng(seed)
    parts = []
    step = max(1, _CHUNK // len(kinds))
    for start in range(0, samples, step):
        drawn = rng.multinomial(count, times / count, size=min(step, samples - start))
        parts.append(drawn @ rows)
    sums = np.concatenate(parts).T
    return _Draws(sums[:, (sums[1::2] > 0).all(axis=0)], rows.T, times)
