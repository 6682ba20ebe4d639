"""Compound words: counted apart where only spaces and hyphens differ, and nowhere else."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli import score
from attnasr_cli.scoring import compounds, levenshtein, wer
from attnasr_cli.scoring.types import Pair
from attnasr_cli.text import normalize

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("ref", "hyp", "errors", "merged"),
    [
        ("the tvset is on", "the tv set is on", 0, 1),
        ("the tv set is on", "the tvset is on", 0, 1),
        ("every one came", "everyone came", 0, 1),
        ("every one one came", "everyone one came", 0, 1),
        ("one every one came", "one everyone came", 0, 1),
        ("a well known man", "a well-known man", 0, 1),
        ("an e-mail", "an email", 0, 1),
        ("an e mail", "an e-mail", 0, 1),
        ("not with standing", "notwithstanding", 0, 1),
        ("a b c d e x", "abcde x", 5, 0),  # more than four words
        ("an ice house", "a nice house", 2, 0),  # the border moved: another word
        ("the tv set", "the tvsets", 2, 0),
        ("tvset tv set", "tv set tvset", 0, 2),
        ("all ready gone now", "already went now", 3, 0),
        ("alr eady gone now", "already went now", 1, 1),
        ("ab cd ef", "abcd gh ef", 1, 1),
        ("on set", "tv set", 1, 0),
        ("- a", "a", 1, 0),
        ("", "tv set", 2, 0),
    ],
)
@pytest.mark.parametrize("alignment", wer.ALIGNMENTS)
def test_what_is_a_compound(ref: str, hyp: str, errors: int, merged: int, alignment: str) -> None:
    found = score(ref, hyp, alignment=alignment, compounds=True)
    assert (found.words.errors, found.merged) == (errors, merged)
    assert found.words.reference == len(ref.split())
    # without the option nothing changes
    plain = score(ref, hyp, alignment=alignment)
    assert (plain.merged, plain.words.errors >= errors) == (0, True)


words = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab", "a-b", "c"]), max_size=6)


@settings(max_examples=150, deadline=None)
@given(words, words)
def test_as_few_errors_as_any_way_to_write_the_hypothesis(ref: list[str], hyp: list[str]) -> None:
    def folded(part: list[str]) -> str:
        return "".join(part).replace("-", "")

    def ways(at: int) -> list[list[str]]:
        """Every way to write the hypothesis from here on, compounds as in the reference or not."""
        if at == len(hyp):
            return [[]]
        found = [[hyp[at], *rest] for rest in ways(at + 1)]
        for m, n in itertools.product(range(1, 5), range(1, 5)):
            part = hyp[at : at + n]
            if min(m, n) > 1 or len(part) < n:
                continue
            for i in range(len(ref) - m + 1):
                if folded(ref[i : i + m]) == folded(part) and ref[i : i + m] != part:
                    found += [[*ref[i : i + m], *rest] for rest in ways(at + n)]
        return found

    def errors(said: list[str]) -> int:
        (ops,) = levenshtein.align([" ".join(ref)], [" ".join(said)])
        return sum(op in "SDI" for op in ops)

    pair = Pair("u", " ".join(ref), " ".join(hyp))
    found = wer.score_pairs([pair], normalize.get("none"), compounds=True)
    row = found.rows[0]
    assert row.words.errors >= min(map(errors, ways(0)))
    assert row.words.errors <= errors(hyp)
    # what is merged stands on both sides as it is said to
    for one in row.compounds:
        parts = one.reference.split()
        assert ref[one.at : one.at + len(parts)] == parts
        said = one.hypothesis.split()
        assert hyp[one.hypothesis_at : one.hypothesis_at + len(said)] == said
        assert folded(parts) == folded(said)
        assert parts != said
        assert 1 in (len(parts), len(said))
    assert compounds.rewritten(hyp, row.compounds) == row.hypothesis.split()


def test_a_long_recording_is_no_square_of_work() -> None:
    ref = [f"w{k}" for k in range(20_000)]
    hyp = [f"{word}x" if k % 3 else word for k, word in enumerate(ref)]
    hyp[6000:6002] = [ref[6000] + ref[6001]]
    ops = "".join("C" if k % 3 == 0 else "S" for k in range(6000)) + "SD"
    ops += "".join("C" if k % 3 == 0 else "S" for k in range(6002, 20_000))
    assert [one.at for one in compounds.find(ref, hyp, ops)] == [6000]


def test_choices_of_a_reference_choose_anew() -> None:
    pair = Pair("u", "(uh) the tv set { is / was } on", "the tvset was on", marked=True)
    for alignment in wer.ALIGNMENTS:
        found = wer.score_pairs([pair], normalize.get("none"), alignment=alignment, compounds=True)
        assert found.words.errors == 0
        assert found.merged == 1


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    ref, hyp = tmp_path / "ref.tsv", tmp_path / "hyp.tsv"
    ref.write_text("id\ttext\na\tthe tv set is off\nb\teveryone left\nc\tx\n")
    hyp.write_text("id\ttext\na\tthe tvset is on\nb\tevery one left\nc\tx\n")
    return ref, hyp


def test_compounds_are_counted_apart_in_every_form(files: tuple[Path, Path], attnasr: Run) -> None:
    whole = json.loads(attnasr("score", *files, "--compounds", "--format", "json").out)["scores"][0]
    assert (whole["units"]["errors"], whole["compounds"]) == (1, 2)
    assert whole["confusions"]["compounds"] == [
        {"reference": "everyone", "hypothesis": "every one", "count": 1},
        {"reference": "tv set", "hypothesis": "tvset", "count": 1},
    ]
    row = next(row for row in whole["utterances_by_error"] if row["id"] == "a")
    assert row["compounds"] == [{"reference": "tv set", "hypothesis": "tvset", "at": 1}]
    assert row["units"]["errors"] == 1
    table = attnasr("score", *files, "--compounds").out
    assert re.search(r"compounds written otherwise +2\n", table)
    assert "tv set / tvset" in table
    page = attnasr("score", *files, "--compounds", "--format", "html").out
    assert '[["tv set","tvset"],1]' in page
    rows = list(
        csv.DictReader(io.StringIO(attnasr("score", *files, "--compounds", "--format", "csv").out))
    )
    assert [row["compounds"] for row in rows] == ["1", "1", "0"]


def test_without_the_option_they_are_errors(files: tuple[Path, Path], attnasr: Run) -> None:
    whole = json.loads(attnasr("score", *files, "--format", "json").out)["scores"][0]
    assert whole["units"]["errors"] == 5
    assert "compounds" not in whole
    done = attnasr("score", *files, "--compounds", "--unit", "char")
    assert done.code == 2
    assert "--compounds does nothing with --unit char" in done.err
