"""Features normalised by the statistics of a corpus."""

from __future__ import annotations

import pytest
import torch

from attnasr_cli.audio.features import FeatureConfig, log_mel
from attnasr_cli.audio.statistics import LIMIT, Measure, Statistics, by_corpus, by_own
from attnasr_cli.errors import ModelError

BINS = 40


def vowel(first: int, last: int) -> torch.Tensor:
    """(60, BINS) a pause, a steady sound that is loud in some bins, a pause."""
    features = torch.full((60, BINS), -12.0)
    features[20:40] = -8.0
    features[20:40, first:last] = -2.0
    return features


@pytest.fixture
def corpus() -> Statistics:
    measure = Measure(BINS)
    for first in range(0, BINS, 8):
        measure.add(vowel(first, first + 8))
    return measure.statistics()


def test_a_steady_vowel_stays_what_it_is(corpus: Statistics) -> None:
    """By its own mean and deviation every step is the same, however high."""
    low, high = vowel(2, 12), vowel(20, 30)
    assert torch.allclose(by_own(low), by_own(high), atol=0.01)
    assert float((by_corpus(low, corpus) - by_corpus(high, corpus)).abs().max()) > 1


def test_statistics_are_those_of_all_frames() -> None:
    torch.manual_seed(0)
    segments = [torch.randn(n, BINS) * 3 - 7 for n in (40, 200, 90)]
    measure = Measure(BINS)
    for one in segments:
        measure.add(one)
    found, together = measure.statistics(), torch.cat(segments)
    assert torch.allclose(torch.tensor(found.mean), together.mean(0), atol=1e-3)
    assert torch.allclose(torch.tensor(found.deviation), together.std(0, correction=0), atol=1e-3)


def test_level_and_tilt_do_not_matter(corpus: Statistics) -> None:
    plain = vowel(8, 16)
    tilt = torch.cos(torch.pi * (torch.arange(BINS) + 0.5) / BINS)
    moved = plain + 3.0 + 1.5 * tilt
    found = by_corpus(plain, corpus)
    assert torch.allclose(by_corpus(moved, corpus), found, atol=1e-3)
    assert float(found.abs().max()) <= LIMIT


def test_features_need_the_statistics(corpus: Statistics) -> None:
    samples = torch.randn(8000)
    config = FeatureConfig(bins=BINS, normalize="corpus", corpus=corpus)
    plain = log_mel(samples, FeatureConfig(bins=BINS, normalize="none"))
    assert torch.equal(log_mel(samples, config), by_corpus(plain, corpus))
    with pytest.raises(ModelError, match="no statistics"):
        log_mel(samples, FeatureConfig(bins=BINS, normalize="corpus"))
    with pytest.raises(ModelError, match="not of 80 bins"):
        FeatureConfig(bins=80, normalize="corpus", corpus=corpus)
    with pytest.raises(ModelError, match="normalize = 'corpus'"):
        FeatureConfig(bins=BINS, corpus=corpus)
