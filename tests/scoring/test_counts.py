"""Counts: jiwer's exactly, the sum of the rows always the total, rates as jiwer derives them."""

from __future__ import annotations

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.scoring.api import score
from attnasr_cli.scoring.types import Counts
from attnasr_cli.scoring.wer import Score

words = st.lists(st.sampled_from(["a", "b", "c", "dd", "é"]), max_size=8).map(" ".join)
pairs = st.lists(st.tuples(words, words), min_size=1, max_size=8)


def scored(found: list[tuple[str, str]], **options: str) -> Score:
    refs = {str(k): ref for k, (ref, _) in enumerate(found)}
    hyps = {str(k): hyp for k, (_, hyp) in enumerate(found)}
    return score(refs, hyps, "none", **options)


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_levenshtein_is_jiwer(found: list[tuple[str, str]]) -> None:
    refs, hyps = [list(side) for side in zip(*found, strict=True)]
    score = scored(found)
    out = jiwer.process_words(refs, hyps)
    assert score.words == Counts(out.hits, out.substitutions, out.deletions, out.insertions)
    rates = [score.wer, score.words.mer, score.words.wil, score.words.wip]
    assert rates == pytest.approx([out.wer, out.mer, out.wil, out.wip])
    letters = jiwer.process_characters(refs, hyps)
    assert score.cer == pytest.approx(letters.cer)
    assert score.characters.errors == (
        letters.substitutions + letters.deletions + letters.insertions
    )


@settings(max_examples=60, deadline=None)
@given(pairs, st.sampled_from(["levenshtein", "nist"]), st.sampled_from(["word", "char"]))
def test_sum_of_rows_is_the_total(found: list[tuple[str, str]], alignment: str, unit: str) -> None:
    score = scored(found, alignment=alignment, unit=unit)
    for name in ("correct", "substituted", "deleted", "inserted", "errors", "reference"):
        total = sum(getattr(row.words, name) for row in score.rows)
        assert getattr(score.words, name) == total
        letters = sum(getattr(row.characters, name) for row in score.rows)
        assert getattr(score.characters, name) == letters
    for row in score.rows:
        assert row.words.reference == len(row.reference.split())
        assert row.words.hypothesis == len(row.hypothesis.split())
        assert [ref for _, ref, _ in row.aligned() if ref] == row.reference.split()
        assert [hyp for _, _, hyp in row.aligned() if hyp] == row.hypothesis.split()


@settings(max_examples=30, deadline=None)
@given(pairs)
def test_nist_never_makes_fewer_errors_than_levenshtein(found: list[tuple[str, str]]) -> None:
    assert scored(found, alignment="nist").words.errors >= scored(found).words.errors


def test_invention_is_reported_apart() -> None:
    score = scored([("", "thanks for watching"), ("", ""), ("a b", "a b c")])
    assert score.invented == 3
    assert len(score.silent) == 2
    assert score.words.inserted == 4
    assert score.wer == 2.0  # 4 insertions over 2 words, as jiwer counts them


def test_nothing_said_anywhere() -> None:
    score = scored([("", "")])
    assert (score.wer, score.words.mer, score.words.wip, score.sentence_error_rate) == (0, 0, 1, 0)


def test_wrong_utterances_and_groups() -> None:
    score = scored([("a", "a"), ("a", "b"), ("c", "")])
    assert (score.utterances, score.wrong) == (3, 2)
    assert score.by("speaker")[""].words == score.words


def test_ids_must_match() -> None:
    with pytest.raises(DataError, match="1 hypotheses are missing and 1 have no reference: a, b"):
        score({"a": "x"}, {"b": "x"})


@pytest.mark.parametrize(("option", "value"), [("alignment", "sclite"), ("unit", "syllable")])
def test_unknown_choices_are_refused(option: str, value: str) -> None:
    with pytest.raises(UsageError, match=value):
        scored([("a", "a")], **{option: value})
