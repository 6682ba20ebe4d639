"""Every kind of file: known from its content, read right, or refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.scoring import types
from attnasr_cli.scoring.read.detect import detect
from attnasr_cli.scoring.read.load import load
from attnasr_cli.scoring.read.parse import parse

SAMPLES = {
    "tsv": 'id\ttext\tspeaker\na1\tsaid "hi\ts1\nb2\t\ts2\n',
    "csv": 'path,text\nclips/a1.wav,"well, said"\nb2.wav,x\n',
    "jsonl": '{"id": "a1", "text": "x y"}\n{"id": "b2", "text": ""}\n',
    "json": '[{"id": "a1", "text": "x y"}, {"id": "b2", "text": "z"}]',
    "kaldi": "a1 x y\nb2\n",
    "trn": ";; comment\nx y (s-1)\n(s-2)\n",
    "ctm": "f A 0.0 0.5 x 0.9\nf A 0.5 0.5 y\nf A * * <ALT_BEGIN>\nf A 1 1 z\nf A * * <ALT_END>\n",
    "stm": ";; c\nf A spk 0.0 1.5 <o,f0> x { y / z }\nf A spk 1.5 3.0 w\n",
    "srt": "1\n00:00:01,000 --> 00:00:02,000\n<i>x</i>\ny\n\n2\n00:00:02,000 --> 00:00:03,000\nz\n",
    "vtt": "WEBVTT\n\nNOTE no\n\n00:01.000 --> 00:02.000 align:start\n<v Ann>x &amp; y\n",
}


def read(kind: str, text: str | None = None, forced: str | None = None) -> types.Texts:
    return parse("name.any", SAMPLES[kind] if text is None else text, types.Want(kind=forced))


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_kind_is_known_from_the_content(kind: str) -> None:
    assert detect("name.any", SAMPLES[kind]) == kind


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tsv", [("a1", 'said "hi'), ("b2", "")]),
        ("csv", [("clips/a1.wav", "well, said"), ("b2.wav", "x")]),
        ("jsonl", [("a1", "x y"), ("b2", "")]),
        ("json", [("a1", "x y"), ("b2", "z")]),
        ("kaldi", [("a1", "x y"), ("b2", "")]),
        ("trn", [("s-1", "x y"), ("s-2", "")]),
        ("srt", [("name", "x y z")]),
        ("vtt", [("name", "x & y")]),
    ],
)
def test_utterances(kind: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.id, one.text) for one in read(kind).utterances] == expected


def test_columns_are_kept() -> None:
    assert read("tsv").utterances[1].columns == {"id": "b2", "speaker": "s2"}
    assert read("trn").utterances[0].columns == {"speaker": "s"}
    assert read("csv").utterances[0].columns == {"path": "clips/a1.wav"}


def test_stm_segments() -> None:
    first, second = read("stm").segments
    assert (first.speaker, first.begin, first.end, first.label) == ("spk", 0.0, 1.5, "<o,f0>")
    assert (first.text, second.text, second.label) == ("x { y / z }", "w", "")


def test_ctm_words_and_alternatives() -> None:
    words = read("ctm").channels["f", "A"]
    assert [(w.word, w.alternative) for w in words] == [
        ("x", False),
        ("y", False),
        ("<ALT_BEGIN>", True),
        ("z", True),
        ("<ALT_END>", True),
    ]


def test_our_transcript_and_whispers_json() -> None:
    word = {"word": " x", "start": 0.5, "end": 1.0, "probability": 0.9}
    whole = {"text": " x y", "segments": [{"text": " x y", "words": [word]}], "file": "a/t.wav"}
    for text in (json.dumps(whole), json.dumps(whole, indent=2)):
        found = parse("t.json", text)
        assert found.kind == "json"
        assert found.utterances[0].id == "a/t.wav"
        assert found.utterances[0].text == " x y"
        assert [w.word for w in found.channels["t", "1"]] == ["x"]
    del whole["file"], whole["text"]
    assert parse("dir/t.json", json.dumps(whole)).utterances[0].id == "t"


def test_jsonl_of_timed_segments_is_joined_per_file() -> None:
    def line(file: str, start: float, word: str) -> str:
        words = [{"word": f" {word}", "start": start, "end": start + 1}]
        segment = {"file": file, "id": 0, "start": start, "end": start + 1, "text": word}
        return json.dumps({**segment, "words": words}) + "\n"

    text = line("a.wav", 0, "one") + line("a.wav", 1, "two") + line("b.wav", 0, "three")
    found = parse("name.jsonl", text)
    assert [(u.id, u.text) for u in found.utterances] == [("a.wav", "one two"), ("b.wav", "three")]
    assert [w.word for w in found.channels["a", "1"]] == ["one", "two"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("kind", SAMPLES)
def test_line_ends_and_byte_order_marks(tmp_path: Path, kind: str, encoding: str, end: str) -> None:
    path = tmp_path / "name.any"
    path.write_bytes(SAMPLES[kind].replace("\n", end).encode(encoding))
    found, plain = load(path), read(kind)
    assert found.kind == kind
    assert [(u.id, u.text) for u in found.utterances] == [(u.id, u.text) for u in plain.utterances]
    assert found.segments == plain.segments
    assert found.channels == plain.channels


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("tsv", "id\ttext\na\tb\nc\n", r"name\.any:3: 1 fields, but the header has 2"),
        ("tsv", "a\tb\n", r"name\.any:1: no column for the text"),
        ("csv", "id,speaker\na,b\n", r"name\.any:1: no column for the text"),
        ("csv", "name,text\na,b\n", r"name\.any:1: no column for the id"),
        ("csv", 'id,text\n\na,"b"c"\nd,e\n', r"name\.any:3: .*expected after"),
        ("csv", 'id,text\na,"b\nd,e\n', r"name\.any:2: unexpected end of data"),
        ("tsv", "", r"name\.any: empty"),
        ("jsonl", '{"id": "a", "text": "b"}\nnope\n', r"name\.any:2: not JSON"),
        ("jsonl", '{"id": "a", "text": "b"}\n[1]\n', r"name\.any:2: not an object"),
        ("jsonl", '{"id": "a"}\n', r"name\.any:1: no text"),
        ("jsonl", '{"text": "a"}\n', r"name\.any:1: no id"),
        ("jsonl", '{"id": "a", "text": 5}\n', r"name\.any:1: 'text' is int"),
        ("json", "{", r"name\.any:1: not JSON"),
        ("trn", "a (s-1)\nb c\n", r"name\.any:2: no \(id\)"),
        ("trn", "a ()\n", r"name\.any:1: no \(id\)"),
        ("stm", "f A s 0 1 x\nf A s 2\n", r"name\.any:2: 4 fields"),
        ("stm", "f A s 3 1 x\n", r"name\.any:1: ends at 1.0 before it begins at 3.0"),
        ("stm", "f A s x 1 y\n", r"name\.any:1: 'x' is not a time"),
        ("ctm", "f A 0 1\n", r"name\.any:1: 4 fields"),
        ("ctm", "f A nan 1 x\n", r"name\.any:1: nan seconds"),
        ("ctm", "f A * * <ALT_BEGIN>\nf A 0 1 x\n", r"no <ALT_END>"),
        ("srt", "1\n00:00:01 --> 2\nx\n", r"name\.any:2: not a cue's times"),
        ("srt", "just words\n", r"name\.any: no cue in it"),
        ("jsonl", '{"id": "a", "text": null}\n', r"name\.any:1: 'text' is null"),
        ("jsonl", '{"id": "a", "text": "\\ud83d"}\n', r"name\.any:1: text holds half of a char"),
        ("tsv", "id\ttext\ttext\na\tb\tc\n", r"name\.any:1: two columns are called 'text'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(kind: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(kind, text, kind)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the cat sat\nthe dog ran\n", "Kaldi text"),
        ("the cat sat on the mat\n", "Kaldi text"),
        ("f A 1 2 3 4\n", "ctm or stm"),
    ],
)
def test_what_could_be_two_kinds_is_not_guessed(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        detect("name.any", text)


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "x.trn"
    path.write_bytes(b"a (s-1)\nb\xff (s-2)\n")
    with pytest.raises(DataError, match=r"x\.trn:2: not UTF-8: byte 0xff"):
        load(path)
    path.write_bytes(b"a (s-1)\n\n\0")
    with pytest.raises(DataError, match=r"x\.trn:3: a NUL"):
        load(path)
    with pytest.raises(DataError, match="no such file"):
        load(tmp_path / "gone")
    with pytest.raises(DataError, match="no format 'docx'"):
        load(path, types.Want(kind="docx"))


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("two\nlines\n")
    (tmp_path / "sub" / "a.txt").write_text("\ufeffone")
    (tmp_path / "notes.md").write_text("x")
    found = load(tmp_path)
    assert [(u.id, u.text) for u in found.utterances] == [("b", "two lines"), ("sub/a", "one")]
    (tmp_path / "c.srt").write_text(SAMPLES["srt"])
    with pytest.raises(DataError, match="holds srt and txt files"):
        load(tmp_path)
    assert [u.id for u in load(tmp_path, types.Want(kind="srt")).utterances] == ["c"]
    with pytest.raises(DataError, match="no vtt files"):
        load(tmp_path, types.Want(kind="vtt"))


def test_a_huge_line(tmp_path: Path) -> None:
    path = tmp_path / "big.tsv"
    text = "word " * 400_000  # 2 MB on one line
    path.write_text(f"id\ttext\na\t{text}\n")
    assert len(load(path).utterances[0].text) == len(text)
