"""Training data in every layout that people have it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.training.formats.read import read_data


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_librispeech_layout(tmp_path: Path) -> None:
    touch(tmp_path / "84" / "121" / "84-121-0001.flac")
    (tmp_path / "84" / "121" / "84-121.trans.txt").write_text("84-121-0001 GO DO YOU HEAR\n")
    (found,) = read_data(tmp_path)
    assert (found.id, found.text) == ("84-121-0001", "GO DO YOU HEAR")


def test_ljspeech_layout_takes_the_normalised_column(tmp_path: Path) -> None:
    touch(tmp_path / "wavs" / "LJ1.wav")
    (tmp_path / "metadata.csv").write_text("LJ1|In 1465|in fourteen sixty-five\n")
    (found,) = read_data(tmp_path)
    assert found.text == "in fourteen sixty-five"


def test_audio_with_text_beside(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.mp3")
    (tmp_path / "a" / "x.txt").write_text("\ufeffतुम कैसे\nहो\n", encoding="utf-8")
    touch(tmp_path / "a" / "no-text.mp3")
    (found,) = read_data(tmp_path)
    assert (found.id, found.text) == ("a/x", "तुम कैसे हो")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.tsv", 'id\tpath\ttext\nu1\ta.wav\tit\'s "fine"\n'),
        ("m.csv", 'id,path,text\nu1,a.wav,"it\'s ""fine"""\n'),
        ("m.jsonl", '{"id": "u1", "path": "a.wav", "text": "it\'s \\"fine\\""}\n'),
    ],
)
def test_manifests(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    (found,) = read_data(tmp_path / name)
    assert (found.id, found.text) == ("u1", 'it\'s "fine"')
    assert found.path == tmp_path / "a.wav"


BAD = {
    "m.tsv": ("id\tpath\ttext\nu1\ta.wav\n", "m.tsv:2: 2 fields, but the header has 3"),
    "n.tsv": ("id\tpath\nu1\ta.wav\n", "no column 'text'"),
    "o.jsonl": ('{"path": "a.wav", "text": "x"}\n{broken\n', "o.jsonl:2: not JSON"),
    "p.tsv": ("path\ttext\na.wav\tx\na.wav\ty\n", "the id 'a' appears twice"),
    "q.tsv": ("path\ttext\n\tx\n", "q.tsv:2: empty path"),
    "r.tsv": ("path\ttext\n", "no utterances"),
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.tsv", "path\ttext\na.wav\tone{0}two\nb.wav\tthree\n"),
        ("m.csv", "path,text\na.wav,one{0}two\nb.wav,three\n"),
        ("m.jsonl", '{{"path": "a.wav", "text": "one{0}two"}}\n{{"path": "b.wav", "text": "x"}}\n'),
        ("m.json", '[{{"path": "a.wav", "text": "one{0}two"}},{{"path": "b.wav", "text": "x"}}]'),
        ("semicolons.csv", "text;path\none{0}two;a.wav\nthree, four;b.wav\n"),
    ],
)
@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_line_ends_end_lines(tmp_path: Path, name: str, content: str, odd: str) -> None:
    # a JSON string must escape control characters, but not the separators of Unicode
    escape = name.startswith("m.json") and odd < " "
    written = f"\\u{ord(odd):04x}" if escape else odd
    (tmp_path / name).write_text(content.format(written), encoding="utf-8")
    first, _second = read_data(tmp_path / name)
    assert first.text == f"one{odd}two"


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_named_with_their_line(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read_data(tmp_path / name)


def test_not_utf8_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "latin.tsv").write_bytes("path\ttext\na.wav\tcafé\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_data(tmp_path / "latin.tsv")
    with pytest.raises(DataError, match="no such data"):
        read_data(tmp_path / "nothing")
