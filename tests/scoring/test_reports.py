"""The views: each holds the numbers of the score, says how it was made, and bears odd texts."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from pathlib import Path

import pytest
from rich.console import Console

from attnasr_cli.scoring import compare, wer
from attnasr_cli.scoring.report import export, html, nist, table
from attnasr_cli.scoring.summary import Evaluation, Origin, confusions, summary, worst_first
from attnasr_cli.scoring.types import Pair
from attnasr_cli.text import normalize

ODD = "</script><b>\"x\" & 'y'"
PAIRS = [
    Pair("s1-a", "the cat sat down", "the cat sat down", {"speaker": "s1"}),
    Pair("s1-b", "a dog ran", "a dig ran off", {"speaker": "s1"}),
    Pair("s2-a", f"see {ODD}", f"sea {ODD}", {"speaker": "s2"}),
    Pair("s2-b", "", "thanks for watching", {"speaker": "s2"}),
    Pair("s2-c", "gone", "", {"speaker": "s2"}, missing=True),
]
BETTER = [Pair(p.id, p.reference, p.reference, p.columns) for p in PAIRS]


def result(only_errors: bool = False, names: tuple[str, ...] = ("lower",)) -> Evaluation:
    how = [normalize.get(name) for name in names]
    scores = [wer.score_pairs(PAIRS, one) for one in how]
    return Evaluation(
        Origin("ref.tsv", "tsv"),
        Origin("hyp.tsv", "tsv"),
        "by id",
        scores,
        by=("speaker",),
        only_errors=only_errors,
        against=Origin("other.tsv", "tsv"),
        comparisons=[
            compare.compare(first, wer.score_pairs(BETTER, one))
            for first, one in zip(scores, how, strict=True)
        ],
    )


def printed(found: Evaluation, width: int = 100) -> str:
    page = io.StringIO()
    table.show(found, Console(file=page, width=width))
    return page.getvalue()


def test_json_has_everything_and_adds_up() -> None:
    found = json.loads(export.to_json(result(names=("lower", "basic"))))
    assert [one["normalizer"] for one in found["scores"]] == ["lower", "basic"]
    first = found["scores"][0]
    assert (first["alignment"], first["unit"], found["paired"]) == ("levenshtein", "word", "by id")
    for name in ("correct", "substituted", "deleted", "inserted", "errors", "reference"):
        total = sum(row["units"][name] for row in first["utterances_by_error"])
        assert first["units"][name] == total
        assert sum(part["units"][name] for part in first["by"]["speaker"].values()) == total
    odd = next(row for row in first["utterances_by_error"] if row["id"] == "s1-b")
    assert (odd["reference"], odd["hypothesis"]) == ("a dog ran", "a dig ran off")
    assert first["wer"] == first["units"]["errors"] / first["units"]["reference"]
    assert first["empty_references"] == {"utterances": 1, "inserted": 3}
    assert first["missing"] == 1
    assert first["interval"]["low"] <= first["wer"] <= first["interval"]["high"]
    assert found["comparisons"][0]["second"] == 0.0
    assert found["comparisons"][0]["better"] == 4


def test_csv_adds_up() -> None:
    found = result()
    rows = list(csv.DictReader(io.StringIO(export.to_csv(found))))
    assert {row["system"] for row in rows} == {"hyp.tsv", "other.tsv"}
    mine = [row for row in rows if row["system"] == "hyp.tsv"]
    assert sum(int(row["errors"]) for row in mine) == found.scores[0].words.errors
    assert {row["normalizer"] for row in rows} == {"lower"}
    odd = next(row for row in mine if row["id"] == "s2-a")
    assert odd["reference"] == f"see {ODD}"
    assert odd["speaker"] == "s2"


def test_worst_first_and_only_errors() -> None:
    every, wrong = result(), result(only_errors=True)
    names = [row.id for row in worst_first(every.scores[0], every)]
    assert names == ["s2-b", "s1-b", "s2-c", "s2-a", "s1-a"]
    assert [row.id for row in worst_first(wrong.scores[0], wrong)] == names[:-1]
    assert "s1-a" not in nist.to_pra(wrong)
    assert "s1-a" in nist.to_pra(every)
    assert len(json.loads(export.to_json(wrong))["scores"][0]["utterances_by_error"]) == 4
    # leaving utterances out of a view changes no figure
    assert summary(wrong.scores[0], wrong) == summary(every.scores[0], every)


def test_confusions() -> None:
    found = confusions(result().scores[0], 2)
    assert found.substituted == [(("dog", "dig"), 1), (("see", "sea"), 1)]
    assert [word for word, _ in found.inserted] == ["for", "off"]
    assert found.deleted == [("gone", 1)]


def test_table() -> None:
    text = printed(result(names=("lower", "none")))
    assert "alignment levenshtein: jiwer's" in text
    assert re.search(r"normalizer +lower +none", text)
    assert re.search(r"WER +[\d.]+ % +[\d.]+ %", text)
    assert "invented (reference is empty)" in text
    assert "missing, counted as deleted" in text
    assert "by speaker (lower)" in text
    assert "other.tsv against hyp.tsv (lower)" in text
    assert "s2-b: 3 errors in 0" in text
    assert ": 1 error in" in text
    assert "REF: a dog ran ***" in text
    assert "HYP: a dig ran off" in text


def test_a_group_without_reference_has_no_rate() -> None:
    silence = [Pair("a", "", "thanks", {"speaker": "x"}), Pair("b", "", "", {"speaker": "x"})]
    scores = [wer.score_pairs(silence, normalize.get("lower"))]
    found = Evaluation(Origin("r", "tsv"), Origin("h", "tsv"), "by id", scores, by=("speaker",))
    text = printed(found)
    assert re.search(r"WER +–", text)
    assert "100.00 %" not in text.split("utterances with errors")[0].split("MER")[0]
    assert "invented (reference is empty)  1 words in 2" in text


def test_alignments_fold_to_the_width() -> None:
    words = " ".join(f"word{k}" for k in range(60))
    row = wer.score_pairs([Pair("a", words, words.replace("7", "x"))], normalize.get("none")).rows[
        0
    ]
    text = table.aligned(row, 60).plain
    assert max(map(len, text.split("\n"))) <= 60
    assert text.count("REF: ") > 5
    wide = wer.score_pairs([Pair("a", "今天 好", "天 好 吗")], normalize.get("none")).rows[0]
    assert table.aligned(wide, 60).plain.split("\n")[:2] == ["REF: 今天 好 **", "HYP: 天   好 吗"]


def test_pra() -> None:
    text = nist.to_pra(result())
    assert "Normalizer:    lower" in text
    assert "id: (s1-b)\nScores: (#C #S #D #I) 2 1 0 1\n" in text
    assert "REF:  a DOG ran ***\nHYP:  a DIG ran OFF\nEval:   S       I" in text


def test_sgml() -> None:
    text = nist.to_sgml(result())
    assert '<SPEAKER id="s1">' in text
    assert 'C,"a","a":S,"dog","dig":C,"ran","ran":I,,"off"' in text
    assert 'D,"gone",' in text
    assert text.count("<PATH ") == text.count("</PATH>") == 5
    odd = text.split('<PATH id="(s2-a)"')[1].split("\n")[1]
    assert odd.count('"') % 2 == 0
    assert "''x''" in odd


def data_of(page: str) -> dict[str, object]:
    inside = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    found: dict[str, object] = json.loads(inside)
    return found


def test_html_is_one_file_and_bears_odd_texts() -> None:
    page = html.to_html(result(), None)
    assert "<b>" not in page.split('id="data">')[1].split("</script>")[0]
    assert not re.search(r'(?:src|href)="', page)
    assert "http" not in page
    found = data_of(page)
    rows = found["scores"][0]["rows"]  # type: ignore[index]
    assert f"see {unescape(ODD)}" in [row[1] for row in rows]
    assert "prefers-color-scheme: dark" in page


def test_html_finds_recordings(tmp_path: Path) -> None:
    for name in ("clips/one two.wav", "b.flac"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    pairs = [
        Pair("a", "x", "x", {"path": "clips/one two.wav"}),
        Pair("b", "x", "x", {"file": "b"}),
        Pair("c", "x", "x", {}),
    ]
    found = Evaluation(
        Origin(str(tmp_path / "data" / "ref.tsv"), "tsv"),
        Origin("hyp.tsv", "tsv"),
        "by id",
        [wer.score_pairs(pairs, normalize.get("none"))],
    )
    page = data_of(html.to_html(found, tmp_path / "out" / "report.html"))
    audio = {row[0]: row[4] for row in page["scores"][0]["rows"]}  # type: ignore[index]
    assert audio == {"a": "../data/clips/one%20two.wav", "b": "../data/b.flac", "c": ""}


@pytest.mark.parametrize("maker", [export.to_json, export.to_csv, nist.to_sgml, printed])
def test_the_same_input_gives_the_same_output(maker: object) -> None:
    assert maker(result()) == maker(result())  # type: ignore[operator]
