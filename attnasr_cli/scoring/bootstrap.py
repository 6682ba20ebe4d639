"""How far a rate may be from the truth: the bootstrap over utterances (Bisani and Ney 2004).

Utterances are drawn with replacement and the rate is computed anew, many times; the middle 95 %
of these rates are the interval. Utterances with equal counts are drawn together (a multinomial
over distinct counts), so 100,000 utterances cost no more than the kinds of rows among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES, SEED, LEVEL = 2000, 0, 0.95
_CHUNK = 4_000_000  # numbers drawn at a time: 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval, and the settings that give it again."""

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


def interval(
    errors: Sequence[int], lengths: Sequence[int], samples: int = SAMPLES, seed: int = SEED
) -> Interval | None:
    """The 95 % interval of sum(errors) / sum(lengths); None where there is too little."""
    draws = _rates([errors, lengths], samples, seed)
    if draws is None:
        return None
    return _middle(draws[0] / draws[1], samples, seed)


def difference(
    first: Sequence[int],
    second: Sequence[int],
    first_lengths: Sequence[int],
    second_lengths: Sequence[int],
    samples: int = SAMPLES,
    seed: int = SEED,
) -> Difference:
    """The paired bootstrap: both systems on the same drawn utterances."""
    total, other = sum(first_lengths), sum(second_lengths)
    delta = (sum(second) / other if other else 0.0) - (sum(first) / total if total else 0.0)
    draws = _rates([first, first_lengths, second, second_lengths], samples, seed)
    if draws is None:
        return Difference(delta, None, None)
    deltas = draws[2] / draws[3] - draws[0] / draws[1]
    below, above = float(np.mean(deltas <= 0)), float(np.mean(deltas >= 0))
    return Difference(delta, _middle(deltas, samples, seed), min(1.0, 2 * min(below, above)))


def _middle(values: NDArray[np.float64], samples: int, seed: int) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high), samples, seed)


def _rates(columns: list[Sequence[int]], samples: int, seed: int) -> NDArray[np.float64] | None:
    """Drawn sums of each column, (columns, samples); odd columns are lengths and never 0."""
    kinds = sorted(Counter(zip(*columns, strict=True)).items())
    count = sum(times for _, times in kinds)
    if count < 2 or not all(sum(column) for column in columns[1::2]):
        return None
    values = np.array([kind for kind, _ in kinds], np.float64)  # (kinds, columns)
    share = np.array([times for _, times in kinds], np.float64) / count
    rng = np.random.default_rng(seed)
    parts = []
    step = max(1, _CHUNK // len(kinds))
    for start in range(0, samples, step):
        drawn = rng.multinomial(count, share, size=min(step, samples - start))
        parts.append(drawn @ values)
    sums = np.concatenate(parts).T
    return sums[:, (sums[1::2] > 0).all(axis=0)]
