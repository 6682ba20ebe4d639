"""The neural language model of english-small: beside the one that searches, and never alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnasr_cli.device import choose
from attnasr_cli.errors import UsageError
from attnasr_cli.families import models
from attnasr_cli.families.native.compare import Written, reordered
from attnasr_cli.families.native.decoder import NativeDecoder
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.search.hypotheses import Hypothesis

MODEL = Path(__file__).parents[3] / "models" / "english-small"


@pytest.fixture(scope="module")
def decoder() -> NativeDecoder:
    return NativeDecoder(models.load(str(MODEL)), choose("cpu", "float32"), NativeOptions())


def test_hypotheses_are_compared_unless_there_is_one_or_no_other_language_model(
    decoder: NativeDecoder,
) -> None:
    assert decoder.second is not None
    assert decoder.search.nbest == decoder.second.hypotheses
    for options in (
        NativeOptions(beam=1),
        NativeOptions(lm_weight=0.0),
        NativeOptions(neural_weight=0.0),
        NativeOptions(phrases=("yes", "no")),
    ):
        other = decoder.changed(options)
        assert other.second is None
        assert other.search.nbest == 1


def test_its_weight_alone_is_refused(decoder: NativeDecoder) -> None:
    with pytest.raises(UsageError, match="none of the one that searches"):
        decoder.changed(NativeOptions(neural_weight=0.5, lm_weight=0.0))


def test_the_order_is_that_of_the_whole_score() -> None:
    found = [Written(Hypothesis([i], -float(i), 0.0, [0.0], True), "abcd"[i]) for i in range(4)]
    ordered = reordered(found, [0.0, 3.0, 1.0, 3.0], length_penalty=0.0)
    assert [one.text for one in ordered] == ["b", "a", "d", "c"]
    assert [one.hypothesis.score for one in ordered] == [2.0, 0.0, 0.0, -1.0]
    assert ordered[1] == found[0]
