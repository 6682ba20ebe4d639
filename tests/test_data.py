"""Rows of data files: what parts fields and lines, how bytes are decoded, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnasr_cli import data
from attnasr_cli.errors import DataError


def table(text: str, mark: str | None = None) -> list[tuple[int, list[str]]]:
    found = data.read_table("name", text, mark, ("id", "text"))
    return [(row.line, list(row.values.values())) for row in found.rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,text\na,b\n", [(2, ["a", "b"])]),
        ("id;text\na;b, c\n", [(2, ["a", "b, c"])]),
        ("id|text\na|b; c, d\n", [(2, ["a", "b; c, d"])]),
        ("id\ttext\na\tb; c, d\n", [(2, ["a", "b; c, d"])]),
        ("sep=;\nid;text\na;b\n", [(3, ["a", "b"])]),
        ('"id";"text"\n"a";"b; ""c"""\n', [(2, ["a", 'b; "c"'])]),
        ("id;text;a, b, c and d\n1;2;3\n", [(2, ["1", "2", "3"])]),
        ("\n\nid,text\n\na,b\n", [(5, ["a", "b"])]),
        ('id,text\na,"two\nlines"\nb,c\n', [(2, ["a", "two\nlines"]), (4, ["b", "c"])]),
        ("id,text\na,b,,\n", [(2, ["a", "b"])]),
        ('id\ttext\na\t"so\nb\tc"\n', [(2, ["a", '"so']), (3, ["b", 'c"'])]),
        ('"id"\t"text"\n"a"\t"so ""it"" is"\n', [(2, ["a", 'so "it" is'])]),
    ],
)
def test_tables(text: str, expected: list[tuple[int, list[str]]]) -> None:
    assert table(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id,"text\na,b\n', "name:1: unexpected end of data"),
        ('id,"te"xt"\na,b\n', "name:1: .*expected after"),
        ('id,text\na,b\nc,"d\ne,f\n', "name:3: unexpected end of data"),
        ("id,text\na,b,c\n", "name:2: 3 fields, but the header has 2"),
        ("id,text,text\na,b,c\n", "name:1: two columns are called 'text'"),
        ("", "name: empty"),
        ("sep=;\n", "name: empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(text)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_encodings(encoding: str) -> None:
    text = "id\ttext\na\tcafé, naïve – „so“\n"
    assert data.decode(text.replace("\n", "\r\n").encode(encoding), "name") == text


def test_text_that_is_none() -> None:
    with pytest.raises(DataError, match=r"name:2: not UTF-8: byte 0xe9"):
        data.decode("a\ncafé\n".encode("latin-1"), "name")
    with pytest.raises(DataError, match=r"name:1: a NUL character"):
        data.decode(b"RIFF\0\0\0\0WAVEfmt", "name")


def test_a_recording_in_the_place_of_a_text(tmp_path: Path) -> None:
    """It is not told to be converted by iconv."""
    (tmp_path / "talk.mp3").write_bytes(b"ID3\xff\xfb\x90")
    with pytest.raises(DataError, match="is a recording, not a text") as caught:
        data.read_text(tmp_path / "talk.mp3")
    assert caught.value.hint.startswith("attnasr transcribe ")


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.tsv", "id\ttext\n1\tx\n", 2),
        ("a.csv", "id;text\n\n1;x\n", 3),
        ("a.jsonl", '\n{"id": "1", "text": "x"}\n', 2),
        ("a.json", '[{"id": "1",\n"text": "x"}]', 0),
        ("anything", '{"id": "1", "text": "x"}', 1),
    ],
)
def test_rows_of_any_file(tmp_path: Path, name: str, content: str, line: int) -> None:
    (tmp_path / name).write_text(content)
    (row,) = data.read_rows(tmp_path / name, ("id", "text"))
    assert (row.line, row.values) == (line, {"id": "1", "text": "x"})
    with pytest.raises(DataError, match="no column 'speaker'"):
        list(data.read_rows(tmp_path / name, ("speaker",)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": "a"}\n{"id"\n', ":2: not JSON"),
        ('{"id": "a"}\n\n[1]\n', ":3: not an object"),
        ('[{"id": "a"}, 5]', "entry 2: not an object"),
        ('[{"id":\n"a"', ":2: not JSON"),
        ('{"id": "\\ud83d"}\n', ":1: id holds half of a character"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": ' + "[" * 100_000, ":1: not JSON"),
    ],
)
def test_what_is_wrong_with_json_is_said_with_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "a").write_text(content)
    with pytest.raises(DataError, match=message):
        list(data.read_rows(tmp_path / "a", ("id",)))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*gone: No such file"):
        data.read_text(tmp_path / "gone")


def test_one_list_of_endings() -> None:
    from attnasr_cli.transcribe.inputs import Patterns

    assert len(set(data.AUDIO_ENDINGS)) == len(data.AUDIO_ENDINGS)
    for ending in data.AUDIO_ENDINGS:
        assert Patterns().take(Path(f"x{ending.upper()}"))
