"""``attnasr_cli.score``: texts by id, in order, or in files; what does not fit is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import attnasr_cli
from attnasr_cli import DataError, Score, UsageError, score


def test_public_names() -> None:
    from attnasr_cli import errors
    from attnasr_cli.scoring import api, wer

    assert (attnasr_cli.score, attnasr_cli.Score) == (api.score, wer.Score)
    for name in ("AttnasrError", "UsageError", "AudioError", "ModelError", "DataError"):
        assert getattr(attnasr_cli, name) is getattr(errors, name)
        assert name in attnasr_cli.__all__


def test_every_way_to_give_texts_gives_the_same(tmp_path: Path) -> None:
    refs, hyps = {"a": "the cat sat", "b": "x y"}, {"b": "x", "a": "the cat sad"}
    ref, hyp = tmp_path / "ref.tsv", tmp_path / "hyp.jsonl"
    ref.write_text("id\ttext\na\tthe cat sat\nb\tx y\n")
    hyp.write_text(
        '{"id": "b", "text": "?", "pred_text": "x"}\n{"id": "a", "pred_text": "the cat sad"}'
    )
    found: list[Score] = [
        score(refs, hyps),
        score(list(refs.values()), ["the cat sad", "x"]),
        score(ref, hyp),
        score(refs, hyp),
        score(ref, hyps),
    ]
    for one in found:
        assert (one.wer, one.words.substituted, one.words.deleted) == (0.4, 1, 1)
    assert score("the cat sat", "the cat sad").wer == pytest.approx(1 / 3)


def test_options() -> None:
    assert score("A", "a").wer == 0
    assert score("A", "a", "none").wer == 1
    assert score("A b", "a", str.upper).normalizer == "upper"
    assert score("ab c", "abc", unit="char").wer == 0
    assert score("tv set", "tvset", compounds=True).wer == 0
    assert score("a b c d", "d c b a", alignment="nist").alignment == "nist"
    assert score({"a": "x", "b": "y z"}, {"a": "x"}, allow_missing=True).missing == 1
    assert score({}, {}).wer == 0


@pytest.mark.parametrize(
    ("ref", "hyp", "message"),
    [
        (["a"], ["a", "b"], "1 references and 2 hypotheses in order"),
        (["a"], {"a": "b"}, "in order"),
        ({"a": "x"}, {"b": "x"}, "1 hypotheses are missing and 1 have no reference: a, b"),
        ({"a": "x"}, Path("gone.tsv"), "gone.tsv: no such file"),
    ],
)
def test_what_does_not_fit(ref: Any, hyp: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score(ref, hyp)
    with pytest.raises(UsageError, match="no normalizer"):
        score("a", "a", "lowr")


def test_ids_are_compared_in_one_unicode_form() -> None:
    assert score({"caf\u00e9": "x"}, {"cafe\u0301": "x"}).wer == 0
