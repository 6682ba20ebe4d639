"""Words lost or invented in a row: a stretch of a recording that was not heard is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli import score
from attnasr_cli.scoring.runs import deleted
from attnasr_cli.scoring.types import Counts, Row

Command = Callable[..., Any]
WORDS = [f"w{k}" for k in range(40)]


def lost(ref: str, hyp: str) -> list[tuple[int, str]]:
    return [(run.first, run.text) for run in score(ref, hyp).deletion_runs]


@pytest.mark.parametrize(
    ("ref", "hyp", "expected"),
    [
        ("a b c d e", "a e", [(2, "b c d")]),
        ("a b c", "a b c", []),
        ("a b c", "", [(1, "a b c")]),
        ("a b c d e f g", "b f", [(3, "c d e"), (1, "a"), (7, "g")]),
        ("a b c d e", "a x d", [(3, "c"), (5, "e")]),
        # "the" was heard once: whichever it is aligned with, five words in a row are lost
        ("a x y the u v the b", "a the b", [(2, "x y the u v")]),
        ("a the u v the x y b", "a the b", [(2, "the u v the x y")]),
    ],
)
def test_runs_of_deleted_words(ref: str, hyp: str, expected: list[tuple[int, str]]) -> None:
    found = lost(ref, hyp)
    if "the" in ref:
        assert [len(text.split()) for _, text in found] == [len(ref.split()) - 3]
    else:
        assert found == expected


def test_inserted_words_are_those_of_the_hypothesis() -> None:
    (run,) = score("a b", "a x y z b").insertion_runs
    assert (run.first, run.text) == (2, "x y z")
    assert score("a b", "a x y z b").deletion_runs == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("CSDI"), max_size=12), st.data())
def test_no_word_is_lost_or_won_by_moving_runs(ops: list[str], data: st.DataObject) -> None:
    ref = [data.draw(st.sampled_from("ab")) for op in ops if op != "I"]
    hyp, at = [], 0
    for op in ops:
        if op == "C":
            hyp.append(ref[at])
        elif op != "D":
            hyp.append("z")
        at += op != "I"
    row = Row("u", " ".join(ref), " ".join(hyp), "".join(ops), Counts(), {})
    found = deleted([row])
    assert sum(len(run.words) for run in found) == row.words.deleted
    taken: list[int] = []
    for run in found:
        places = range(run.first - 1, run.first - 1 + len(run.words))
        assert tuple(ref[k] for k in places) == run.words
        taken += places
    assert len(set(taken)) == len(taken)
    # what is left is the rest of the reference as it was matched
    kept = [word for k, word in enumerate(ref) if k not in taken]
    sides = zip(ref, [op for op in ops if op != "I"], strict=True)
    assert kept == [word for word, op in sides if op != "D"]


def test_a_stretch_that_was_not_heard_is_named(tmp_path: Path, attnasr: Command) -> None:
    ref, hyp = tmp_path / "ref.tsv", tmp_path / "hyp.tsv"
    ref.write_text(f"id\ttext\nfirst\t{' '.join(WORDS)}\nsecond\ta b c\n")
    hyp.write_text(f"id\ttext\nfirst\t{' '.join(WORDS[:20] + WORDS[34:])}\nsecond\ta b c\n")
    table = attnasr("score", ref, hyp).out
    assert re.search(r"longest run of deleted words: 14 in first, from 21: w20 w21", table)
    assert "inserted words" not in table
    whole = json.loads(attnasr("score", ref, hyp, "--format", "json").out)["scores"][0]
    runs = whole["longest_runs"]
    assert (runs["deleted"]["runs"], runs["deleted"]["words"]) == (1, 14)
    assert runs["deleted"]["longest"] == [
        {"id": "first", "first": 21, "words": 14, "text": " ".join(WORDS[20:34])}
    ]
    assert runs["inserted"] == {"runs": 0, "words": 0, "longest": []}
    page = attnasr("score", ref, hyp, "--format", "html").out
    assert '"longest":[{"id":"first","first":21,"words":14' in page


def test_several_stretches_and_missing_utterances(tmp_path: Path, attnasr: Command) -> None:
    ref, hyp = tmp_path / "ref.tsv", tmp_path / "hyp.tsv"
    ref.write_text(f"id\ttext\na\t{' '.join(WORDS)}\nb\t{' '.join(WORDS)}\n")
    hyp.write_text(f"id\ttext\na\t{' '.join(WORDS[:5] + WORDS[11:20] + WORDS[28:])}\n")
    table = " ".join(attnasr("score", ref, hyp, "--allow-missing").out.split())
    # b is missing as a whole, which is said elsewhere
    assert "longest run of deleted words: 8 in a, from 21" in table
    assert "(2 runs of 5 or more, 14 words)" in table
