"""Every format is read back by somebody else's parser and says what the transcript says."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praat

from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Word
from attnasr_cli.output.cues import CueConfig, cues
from attnasr_cli.output.formats import FORMATS, choose
from attnasr_cli.recognize.transcript import Segment, Transcript


def transcript(
    segments: list[Segment], duration: float = 60.0, file: str = "a b.wav"
) -> Transcript:
    return Transcript(
        file, duration, segments, "en", "tiny", "cpu", "float32", {"beam": 2}, "0.1.0"
    )


def segment(id: int, start: float, *words: tuple[str, float], timed: bool = True) -> Segment:
    """words: (text, seconds that it lasts)."""
    found: list[Word] = []
    time = start
    for text, seconds in words:
        found.append(Word(f" {text}", time, time + seconds, 0.9))
        time += seconds
    text = "".join(w.word for w in found)
    return Segment(id, start, time, text, [5], -0.2, words=found if timed else [])


LONG = segment(0, 1.0, *[(f"word{i}", 0.3) for i in range(60)])
TWO = [segment(0, 0.5, ("Hello,", 0.4), ("world.", 0.5)), segment(1, 3.0, ("Bye", 0.3))]
ODD = segment(
    0, 0.0, ('"quoted"', 0.2), ("<b>&amp;", 0.3), ("-->", 0.1), ("a\tb", 0.2), ("тест", 0.2)
)
CONFIG = CueConfig()


def render(name: str, what: Transcript, config: CueConfig = CONFIG) -> str:
    return FORMATS[name].render(what, config)


def test_txt_is_one_line_a_segment() -> None:
    assert render("txt", transcript(TWO)) == "Hello, world.\nBye\n"


def test_tsv_is_read_by_csv() -> None:
    text = render("tsv", transcript([*TWO, ODD]))
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows[0] == {"start": "500", "end": "1400", "text": "Hello, world."}
    assert rows[2]["text"] == '"quoted" <b>&amp; --> a b тест'


@pytest.mark.parametrize("words", [False, True])
def test_srt_is_read_by_srt(words: bool) -> None:
    text = render("srt", transcript([LONG]), CueConfig(words=words))
    found = list(srt.parse(text, ignore_errors=False))
    assert [item.index for item in found] == list(range(1, len(found) + 1))
    starts = [item.start.total_seconds() for item in found]
    ends = [item.end.total_seconds() for item in found]
    assert starts[0] == 1.0
    assert all(a < b for a, b in zip(starts, ends, strict=True))
    assert all(e <= s for e, s in zip(ends, starts[1:], strict=False))
    if words:
        assert len(found) == 60
        assert all(item.content.count("<u>") == 1 for item in found)
        assert "<u>word7</u>" in found[7].content
    else:
        joined = " ".join(" ".join(item.content.split()) for item in found)
        assert joined == LONG.text.strip()


def test_vtt_is_read_by_webvtt(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(render("vtt", transcript(TWO)), encoding="utf-8")
    found = webvtt.read(tmp_path / "a.vtt")
    assert [c.text for c in found] == ["Hello, world.", "Bye"]
    assert found[0].start == "00:00:00.500"
    assert "&lt;b&gt;&amp;amp; --&gt;" in render("vtt", transcript([ODD]))
    (tmp_path / "w.vtt").write_text(render("vtt", transcript(TWO), CueConfig(words=True)))
    assert next(c.raw_text for c in webvtt.read(tmp_path / "w.vtt")) == "<u>Hello,</u> world."


def test_json_and_jsonl() -> None:
    table = json.loads(render("json", transcript(TWO)))
    assert table["text"] == "Hello, world. Bye"
    assert table["segments"][0]["words"][1]["word"] == " world."
    lines = [json.loads(line) for line in render("jsonl", transcript(TWO)).splitlines()]
    assert [line["file"] for line in lines] == ["a b.wav"] * 2
    assert lines[1]["start"] == 3.0


def test_ctm_has_six_fields() -> None:
    rows = [line.split(" ") for line in render("ctm", transcript(TWO)).splitlines()]
    assert rows[0] == ["a_b", "1", "0.500", "0.400", "Hello,", "0.900"]
    assert len(rows) == 3


def test_ctm_has_no_white_space_in_a_word() -> None:
    """Signs that a tokenizer gave a word of their own, or two words in one."""
    odd = segment(0, 1.0, ("“ word", 0.4), ("New York", 0.8), ("\t", 0.1), ("go !", 0.2))
    rows = [line.split(" ") for line in render("ctm", transcript([odd])).splitlines()]
    assert [row[4] for row in rows] == ["“word", "New", "York", "go!"]
    assert {len(row) for row in rows} == {6}
    assert [row[2:4] for row in rows[1:3]] == [["1.400", "0.343"], ["1.743", "0.457"]]


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_no_number_that_is_none(bad: float) -> None:
    doubtful = replace(
        TWO[0],
        avg_logprob=bad,
        compression_ratio=bad,
        words=[replace(w, probability=bad) for w in TWO[0].words],
        extra={"alternatives": [{"text": "x", "score": bad}]},
    )

    def refuse(name: str) -> None:
        raise AssertionError(name)

    table = json.loads(render("json", transcript([doubtful])), parse_constant=refuse)
    assert table["segments"][0]["avg_logprob"] is None
    assert table["segments"][0]["alternatives"][0]["score"] is None
    json.loads(render("jsonl", transcript([doubtful])), parse_constant=refuse)
    assert "nan" not in render("ctm", transcript([doubtful]))


def test_textgrid_is_read_by_praatio(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(render("textgrid", transcript([*TWO])), encoding="utf-8")
    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("segments", "words")
    assert grid.maxTimestamp == 60.0
    labels = [(round(e.start, 3), round(e.end, 3), e.label) for e in grid.getTier("words").entries]
    assert labels == [(0.5, 0.9, "Hello,"), (0.9, 1.4, "world."), (3.0, 3.3, "Bye")]
    path.write_text(render("textgrid", transcript([ODD])), encoding="utf-8")
    grid = praat.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.getTier("words").entries[0].label == '"quoted"'


def test_nothing_said_is_still_a_valid_file(tmp_path: Path) -> None:
    empty = transcript([], 5.0)
    for name in FORMATS:
        text = render(name, empty)
        path = tmp_path / f"a.{name}"
        path.write_text(text)
        if name == "textgrid":
            praat.openTextgrid(str(path), includeEmptyIntervals=True)
        elif name == "vtt":
            assert list(webvtt.read(path)) == []
        elif name == "srt":
            assert list(srt.parse(text)) == []
        elif name == "json":
            assert json.loads(text)["text"] == ""


def test_without_word_times_the_text_is_spread() -> None:
    plain = Segment(0, 10.0, 20.0, " one two three four five six seven eight nine ten", [], -0.1)
    config = CueConfig(max_line_width=12, max_line_count=1)
    found = cues(transcript([plain]), config)
    assert " ".join(c.text for c in found) == plain.text.strip()
    assert all(len(c.text) <= 12 for c in found)
    assert found[0].start == 10.0
    assert found[-1].end <= 20.5


def test_scripts_without_spaces_are_cut_between_characters() -> None:
    plain = Segment(0, 0.0, 10.0, "我们今天讨论语音识别的问题", [], -0.1)
    found = cues(transcript([plain]), CueConfig(max_line_width=10, max_line_count=1))
    assert "".join(c.text for c in found) == plain.text
    assert {len(c.text) for c in found} <= {3, 4, 5}


words = st.lists(
    st.tuples(st.text("abcdefgh.", min_size=1, max_size=14), st.floats(0, 2), st.floats(0, 3)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(words=words, width=st.integers(5, 50), count=st.integers(1, 3), longest=st.floats(1, 8))
def test_limits_of_cues_hold(
    words: list[tuple[str, float, float]], width: int, count: int, longest: float
) -> None:
    time, found = 0.0, []
    for text, pause, seconds in words:
        time += pause
        found.append(Word(f" {text}", time, time + seconds, 0.5))
        time += seconds
    said = Segment(0, 0.0, time, "".join(w.word for w in found), [], 0.0, words=found)
    config = CueConfig(width, count, longest, min(1.0, longest), 0.08)
    shown = cues(transcript([said], time), config)
    assert " ".join(c.text.replace("\n", " ") for c in shown) == said.text.strip()
    for cue in shown:
        lines = cue.text.split("\n")
        assert len(lines) <= count
        assert all(len(line) <= width or " " not in line for line in lines)
        assert cue.end - cue.start <= longest + 1e-9
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(shown))
    grid = render("textgrid", transcript([said], time))
    assert grid.count("xmin") == grid.count("xmax")
    list(srt.parse(render("srt", transcript([said], time), config), ignore_errors=False))


def test_choosing_formats() -> None:
    assert [f.name for f in choose("txt, SRT,txt")] == ["txt", "srt"]
    with pytest.raises(UsageError, match="unknown format 'str'") as caught:
        choose("str")
    assert caught.value.hint == "did you mean srt?"
    with pytest.raises(UsageError, match="--max-line-width is 0"):
        CueConfig(max_line_width=0)
    with pytest.raises(UsageError, match="--cue-gap"):
        CueConfig(cue_gap=-1)
    with pytest.raises(UsageError, match="at least 9"):
        CueConfig(min_cue_duration=9)
