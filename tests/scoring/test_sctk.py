"""NIST's numbers: made by ``bench/score_sclite.py`` with sclite and sc_stats (SCTK 2.4.12)."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pytest

from attnasr_cli.scoring import compare, pairing, wer
from attnasr_cli.scoring.read.load import load
from attnasr_cli.scoring.wer import Score
from attnasr_cli.text import normalize

FOLDER = Path(__file__).parent / "sctk"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


@lru_cache
def scored(ref: str, hyp: str, alignment: str) -> Score:
    found = pairing.pair(load(FOLDER / ref), load(FOLDER / hyp))
    return wer.score_pairs(found.pairs, normalize.get("lower"), alignment=alignment)


@pytest.mark.parametrize("files", EXPECTED["rsum"])
def test_nist_equals_rsum(files: str) -> None:
    score = scored(*files.split(), "nist")
    words = score.words
    assert {
        "utterances": score.utterances,
        "words": words.reference,
        "correct": words.correct,
        "substituted": words.substituted,
        "deleted": words.deleted,
        "inserted": words.inserted,
        "errors": words.errors,
        "wrong": score.wrong,
    } == EXPECTED["rsum"][files]


@pytest.mark.parametrize("files", EXPECTED["rsum"])
def test_the_two_alignments_differ_and_are_named(files: str) -> None:
    nist, levenshtein = (scored(*files.split(), kind) for kind in ("nist", "levenshtein"))
    assert (nist.alignment, levenshtein.alignment) == ("nist", "levenshtein")
    assert nist.words != levenshtein.words
    assert nist.words.errors >= levenshtein.words.errors


def test_optional_words_not_said_are_correct_in_nist_and_absent_in_levenshtein() -> None:
    nist, levenshtein = (
        scored("marked_ref.trn", "hyp_marked_a.trn", kind) for kind in ("nist", "levenshtein")
    )
    assert nist.words.skipped > 0
    assert levenshtein.words.skipped == 0
    assert "O" not in "".join(row.ops for row in levenshtein.rows)


def test_mapsswe_equals_sc_stats() -> None:
    pair = compare.compare(
        scored("ref.trn", "hyp_a.trn", "nist"), scored("ref.trn", "hyp_b.trn", "nist")
    )
    test, expected = pair.mapsswe, EXPECTED["mapsswe"]["ref.trn"]
    assert test.segments == expected["segments"]
    assert round(test.mean, 3) == expected["mean"]
    assert round(test.std_dev, 3) == expected["std_dev"]
    assert round(test.z, 3) == expected["z"]
    assert test.p_value == pytest.approx(0.0042, abs=1e-4)


def test_mapsswe_with_alternatives_keeps_both_systems_in_step() -> None:
    # sc_stats pairs words by their number and loses step where the readings differ in length
    # (it warns of segments without errors); we pair by the item of the reference
    pair = compare.compare(
        scored("marked_ref.trn", "hyp_marked_a.trn", "nist"),
        scored("marked_ref.trn", "hyp_marked_b.trn", "nist"),
    )
    expected = EXPECTED["mapsswe"]["marked_ref.trn"]
    assert pair.mapsswe.segments == pytest.approx(expected["segments"], rel=0.03)
    assert pair.mapsswe.z == pytest.approx(expected["z"], rel=0.03)
