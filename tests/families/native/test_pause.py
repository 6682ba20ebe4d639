"""Segments that are shorter than a model likes them: the pause around them moves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from attnasr_cli.audio.load import load
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import choose
from attnasr_cli.families import models
from attnasr_cli.families.native.decoder import NativeDecoder
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.families.word_timer import WordTimer

SAMPLE = Path(__file__).parents[3] / "examples" / "sample.flac"
WORDS = ["there", "was", "nothing", "more"]
END_S = 1.3


@pytest.fixture(scope="module")
def model() -> Model:
    return models.load("english-small")


@pytest.fixture(scope="module")
def samples() -> Tensor:
    return load(SAMPLE, 0.0, END_S)


def longer(model: Model, shortest_s: float) -> Model:
    features = replace(model.features, shortest_s=shortest_s)
    return replace(model, header=replace(model.header, features=features))


def test_words_stand_where_they_are_in_the_segment(model: Model, samples: Tensor) -> None:
    found = []
    for shortest_s in (0.0, 3.0):
        given = longer(model, shortest_s)
        options = NativeOptions(word_timestamps=True, phrases=(" ".join(WORDS),))
        decoder = NativeDecoder(given, choose("cpu", "float32"), options)
        (piece,) = decoder.decode([samples])[0].pieces
        (spans,) = WordTimer(given, torch.device("cpu")).times([samples], [WORDS])
        assert spans is not None
        for (start, end), word in zip(spans, piece.words, strict=True):
            assert (start, end) == pytest.approx((word.start, word.end), abs=0.09)
        found.append([(w.word.strip(), w.start, w.end) for w in piece.words])
    for (plain, *times), (padded, *others) in zip(*found, strict=True):
        assert plain == padded
        assert others == pytest.approx(times, abs=0.09)


def test_attention_is_that_of_the_segment(model: Model, samples: Tensor) -> None:
    found = []
    for shortest_s in (0.0, 3.0):
        decoder = NativeDecoder(
            longer(model, shortest_s), choose("cpu", "float32"),
            NativeOptions(phrases=(" ".join(WORDS),)),
        )  # fmt: skip
        found.append(decoder.attention(samples, decoder.decode([samples])[0]))
    plain, padded = found
    assert padded.weights.shape == plain.weights.shape
    assert padded.features.shape == plain.features.shape
    loudest = [one.features.sum(1).argmax() * 1.0 for one in found]
    assert abs(loudest[0] - loudest[1]) <= 3
    middles = [one.picture() @ torch.arange(plain.weights.shape[-1]).float() for one in found]
    assert torch.allclose(middles[0][2:-2], middles[1][2:-2], atol=4)
