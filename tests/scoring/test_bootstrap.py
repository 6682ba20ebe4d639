"""The bootstrap: seeded, centred, and right about how often it is right."""

from __future__ import annotations

import numpy as np
import pytest

from attnasr_cli.scoring import bootstrap


def test_the_same_seed_gives_the_same_interval() -> None:
    errors, lengths = [0, 1, 2, 3, 0, 5], [10, 11, 12, 13, 14, 15]
    first = bootstrap.interval(errors, lengths, seed=3)
    assert first == bootstrap.interval(errors, lengths, seed=3)
    assert first != bootstrap.interval(errors, lengths, seed=4)
    # the order of the utterances is no part of it
    assert first == bootstrap.interval(errors[::-1], lengths[::-1], seed=3)


def test_the_interval_holds_the_rate_and_narrows() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 30, 2000)
    errors = rng.binomial(lengths, 0.2)
    rate = errors.sum() / lengths.sum()
    wide = bootstrap.interval(errors[:100].tolist(), lengths[:100].tolist())
    narrow = bootstrap.interval(errors.tolist(), lengths.tolist())
    assert wide is not None
    assert narrow is not None
    assert narrow.low < rate < narrow.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 3


@pytest.mark.slow
def test_coverage_is_near_95_percent() -> None:
    # bench/score_coverage.py does this at length; here 300 experiments, so 95 ± 3.8
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(300):
        lengths = rng.integers(5, 30, 150)
        rates = rng.beta(1, 4, 150)  # utterances differ: the truth is 0.2
        errors = rng.binomial(lengths, rates)
        found = bootstrap.interval(errors.tolist(), lengths.tolist(), samples=400, seed=trial)
        assert found is not None
        hits += found.low <= 0.2 <= found.high
    assert 0.912 <= hits / 300 <= 0.988


def test_too_little_for_an_interval() -> None:
    assert bootstrap.interval([1], [5]) is None
    assert bootstrap.interval([1, 2], [0, 0]) is None
    assert bootstrap.interval([], []) is None


def test_paired_difference() -> None:
    lengths = [10] * 200
    worse = [2 + k % 3 for k in range(200)]
    better = [count - 1 for count in worse]
    found = bootstrap.difference(worse, better, lengths, lengths)
    # every utterance improves by the same, so resampling cannot change it
    assert abs(found.delta + 0.1) < 1e-12
    assert found.interval is not None
    assert abs(found.interval.low + 0.1) < 1e-9
    assert abs(found.interval.high + 0.1) < 1e-9
    assert found.p_value == 0.0
    same = bootstrap.difference(worse, worse, lengths, lengths)
    assert (same.delta, same.p_value) == (0.0, 1.0)
