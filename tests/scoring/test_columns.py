"""Which column the texts of a side are in: known by its name, named, or refused; never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.columns import choose
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import HYP, REF, Want

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("names", "ref", "hyp"),
    [
        ("id text", "text", "text"),
        ("id text pred_text", "text", "pred_text"),
        ("id pred_text text", "text", "pred_text"),
        ("id reference hypothesis", "reference", "hypothesis"),
        ("id hyp ref", "ref", "hyp"),
        ("id reference text", "reference", "text"),
        ("id text hypothesis", "text", "hypothesis"),
        ("id sentence prediction", "sentence", "prediction"),
        ("id Sentence Pred-Text", "Sentence", "Pred-Text"),
        ("id ground_truth transcription", "ground_truth", "transcription"),
    ],
)
def test_names_tell_the_sides_apart(names: str, ref: str, hyp: str) -> None:
    assert choose(names.split(), REF, None, "x")[0] == ref
    column, note = choose(names.split(), HYP, None, "x")
    assert column == hyp
    # where anything else could be meant, the choice is said
    assert bool(note) == (ref != hyp)
    assert not note or (repr(hyp) in note and repr(ref) in note)


@pytest.mark.parametrize(
    ("names", "side", "message"),
    [
        ("id text sentence", REF, "may be in 'text' or 'sentence'"),
        ("id text hyp pred_text", HYP, "may be in 'hyp' or 'pred_text'"),
        ("id reference gold text", REF, "may be in 'reference' or 'gold'"),
        ("id words", HYP, "no text"),
    ],
)
def test_what_could_be_two_is_refused_with_both_names(names: str, side: str, message: str) -> None:
    with pytest.raises(DataError, match=f"x: .*{message}"):
        choose(names.split(), side, None, "x")


def test_a_column_that_is_named_is_taken_and_no_other() -> None:
    assert choose(["id", "words", "text"], REF, "words", "x") == ("words", "")
    with pytest.raises(DataError, match="x: no column 'wrds'"):
        choose(["id", "words", "text"], REF, "wrds", "x")


def test_texts_do_not_come_from_here_and_there() -> None:
    rows = '{"id": "a", "text": "x", "pred_text": "y"}\n{"id": "b", "text": "x"}\n'
    with pytest.raises(DataError, match=r"name:2: no 'pred_text'"):
        parse("name", rows, Want(HYP))
    assert [one.text for one in parse("name", rows, Want(REF)).utterances] == ["x", "x"]


MANIFESTS = {
    "both.csv": "id,reference,hypothesis\na,hello world,hallo welt\n",
    "both.tsv": "id\ttext\tpred_text\na\thello world\thallo welt\n",
    "semicolons.csv": "id;reference;hypothesis\na;hello world;hallo welt\n",
    "both.jsonl": '{"audio_filepath":"a.wav","text":"hello world","pred_text":"hallo welt"}\n',
    "both.json": '[{"id":"a","text":"hello world","prediction":"hallo welt"}]',
    "one.json": '{"id":"a","ref":"hello world","hyp":"hallo welt"}',
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_completed_manifest_against_itself(name: str, tmp_path: Path, attnasr: Run) -> None:
    path = tmp_path / name
    path.write_text(MANIFESTS[name])
    done = attnasr("score", path, path, "--format", "csv")
    assert done.code == 0
    assert ",0,2,2,0,2,0,0,2,1,hello world," in done.out  # two words, both substituted
    assert "the hypothesis texts are in the column" in done.err
    shown = " ".join(attnasr("score", path, path).out.split())
    assert "column " in shown.split("alignment levenshtein")[0]


def test_a_recognisers_manifest_against_the_references(tmp_path: Path, attnasr: Run) -> None:
    ref, hyp = tmp_path / "ref.jsonl", tmp_path / "hyp.jsonl"
    ref.write_text(
        '{"audio_filepath":"a.wav","text":"hello","duration":1.5}\n'
        '{"audio_filepath":"b.wav","text":""}\n'
    )
    hyp.write_text(
        '{"audio_filepath":"a.wav","text":"hello","pred_text":"hallo"}\n'
        '{"audio_filepath":"b.wav","text":"","pred_text":"x"}\n'
    )
    done = attnasr("score", ref, hyp)
    assert re.search(r"substituted +1\n", done.out)
    assert re.search(r"inserted +1\n", done.out)
    assert done.err == (
        f"{hyp}: the hypothesis texts are in the column 'pred_text', not in 'text'\n"
    )
    named = attnasr("score", ref, hyp, "--hyp-column", "text")
    assert re.search(r"errors +0\n", named.out)
    assert named.err == ""


@pytest.mark.parametrize("name", ["x.tsv", "x.trn", "x.srt"])
def test_a_file_is_not_scored_against_itself(name: str, tmp_path: Path, attnasr: Run) -> None:
    path = tmp_path / name
    path.write_text(
        {
            "x.tsv": "id\ttext\na\tb\n",
            "x.trn": "a (s-1)\n",
            "x.srt": "1\n00:00:00,000 --> 00:00:01,000\nx\n",
        }[name]
    )
    link = tmp_path / "link"
    link.symlink_to(path)
    for other in (path, link):
        done = attnasr("score", path, other)
        assert (done.code, done.out) == (1, "")
        assert f"{path} is compared with itself" in done.err
    if name == "x.tsv":
        assert "the column 'text' on both sides" in done.err
    copy = tmp_path / f"copy-{name}"
    copy.write_bytes(path.read_bytes())
    done = attnasr("score", path, copy)
    assert done.code == 0
    assert f"warning: {copy} is a copy of {path}" in done.err


def test_two_systems_in_one_table(tmp_path: Path, attnasr: Run) -> None:
    path = tmp_path / "all.csv"
    path.write_text("id,text,old,new\na,x y,x z,x y\nb,x y,z z,x y\n")
    options = ("--hyp-column", "old", "--against", path)
    done = attnasr("score", path, path, *options, "--against-column", "new", "--format", "table")
    assert "WER 0.00 % against 75.00 %" in done.out
    assert attnasr("score", path, path, *options).code == 1
    assert attnasr("score", path, path, "--against-column", "new").code == 2
    assert attnasr("score", path, "--model", "m", "--hyp-column", "old").code == 2
    assert attnasr("score", path, path, "--hyp-column", "old", "--ref-column", "new").code == 0
