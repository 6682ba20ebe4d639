"""Which files are meant and what their outputs are called."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.transcribe.inputs import Patterns, find, listed, printable, read_list
from attnasr_cli.transcribe.outputs import assign


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(*given: Path | str, **options: object) -> list[str]:
    return [str(i.name) for i in find([str(g) for g in given], **options)]


def test_a_folder_is_walked_in_order(tmp_path: Path) -> None:
    touch(*(tmp_path / p for p in ("b.mp3", "a.WAV", "c/d.mkv", "x.txt", ".hidden.wav")))
    touch(tmp_path / ".git" / "e.wav")
    assert names(tmp_path) == ["a.WAV", "b.mp3", "c/d.mkv"]


def test_include_and_exclude(tmp_path: Path) -> None:
    touch(*(tmp_path / p for p in ("a.wav", "b.xyz", "s/a.wav", "s/c.wav")))
    assert names(tmp_path, patterns=Patterns(["*.xyz"])) == ["b.xyz"]
    assert names(tmp_path, patterns=Patterns(["s/*"])) == ["s/a.wav", "s/c.wav"]
    assert names(tmp_path, patterns=Patterns([], ["a.*"])) == ["s/c.wav"]
    with pytest.raises(UsageError, match="no recordings"):
        names(tmp_path, patterns=Patterns(["*.nothing"]))


def test_a_folder_called_like_a_recording_is_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "x.wav" / "a.wav")
    assert names(tmp_path) == ["x.wav/a.wav"]
    assert names(tmp_path / "x.wav") == ["a.wav"]


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    touch(tmp_path / "in" / "a.wav", tmp_path / "other" / "b.wav")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "in" / "dangling").symlink_to(tmp_path / "nothing")
    assert names(tmp_path / "in") == ["a.wav", "link/b.wav"]


def test_the_output_folder_inside_the_input_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav", tmp_path / "out" / "b.wav")
    assert names(tmp_path, output_dir=tmp_path / "out") == ["a.wav"]


def test_names_of_several_folders_and_files_never_meet(tmp_path: Path) -> None:
    for place in ("x/d", "y/d"):
        touch(tmp_path / place / "a.wav")
    assert names(tmp_path / "x/d", tmp_path / "y/d") == ["d/a.wav", "d-2/a.wav"]
    assert names(tmp_path / "x/d/a.wav", tmp_path / "y/d/a.wav") == ["x/d/a.wav", "y/d/a.wav"]
    assert names(tmp_path / "x/d", tmp_path / "y/d/a.wav") == ["a.wav", "a-2.wav"]
    assert names(tmp_path / "x/d/a.wav", tmp_path / "x/d/a.wav") == ["a.wav"]


def test_outputs_of_twins_keep_their_ending() -> None:
    def stems(*given: str, **taken: str) -> list[str]:
        found = assign([PurePath(g) for g in given], {v: k for k, v in taken.items()})
        return [str(s) for s in found.values()]

    assert stems("a.wav", "b.wav") == ["a", "b"]
    assert stems("a.wav", "a.mp3", "b.wav") == ["a.wav", "a.mp3", "b"]
    assert stems("A.wav", "a.mp3") == ["A.wav", "a.mp3"]
    assert stems("s/a.wav", "t/a.wav") == ["s/a", "t/a"]
    assert stems("talk v1.2", "talk v1.3") == ["talk v1.2", "talk v1.3"]
    earlier = {"a.wav": "a"}
    assert stems("a.wav", "a.mp3", **earlier) == ["a", "a.mp3"]
    assert stems("a.mp3", **earlier) == ["a.mp3"]


def test_a_name_without_room_for_an_ending_is_cut() -> None:
    long = ["x" * 251 + ".wav", "x" * 250 + "y.wav", "ü" * 125 + ".wav", "x" * 251 + ".mp3"]
    found = [str(s) for s in assign([PurePath("d", name) for name in long]).values()]
    assert len(set(found)) == 4
    for stem in found:
        assert stem.startswith("d/")
        for ending in (".ch12.TextGrid", ".json"):
            assert len(os.fsencode(PurePath(stem + ending).name)) <= 255
    assert found == [str(s) for s in assign([PurePath("d", name) for name in long]).values()]
    assert str(assign([PurePath("y" * 200 + ".wav")]).popitem()[1]) == "y" * 200


@given(st.lists(st.sampled_from(["a", "a.wav", "A.WAV", "a.mp3", "a.wav.mp3", "b"]), unique=True))
def test_outputs_are_always_different(given_names: list[str]) -> None:
    found = assign([PurePath(name) for name in given_names])
    assert len({str(stem).casefold() for stem in found.values()}) == len(given_names)


def test_lists(tmp_path: Path) -> None:
    strange = ["a b.wav", "line\nend.wav", "# hash.wav", '"q".wav', "ä.wav", " lead.wav"]
    (tmp_path / "list").write_text("# comment\n\n" + "".join(listed(s) + "\n" for s in strange))
    assert read_list(str(tmp_path / "list")) == strange
    (tmp_path / "nul").write_bytes(b"a\nb.wav\0c.wav\0")
    assert read_list(str(tmp_path / "nul")) == ["a\nb.wav", "c.wav"]
    (tmp_path / "crlf").write_bytes(b"a.wav\r\nb.wav\r\n")
    assert read_list(str(tmp_path / "crlf")) == ["a.wav", "b.wav"]
    (tmp_path / "empty").touch()
    for name in ("empty", "missing"):
        with pytest.raises(DataError):
            read_list(str(tmp_path / name))


def test_names_that_are_no_utf8_are_found(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff.wav"
    with open(raw, "wb"):
        pass
    [item] = find([str(tmp_path)])
    assert item.shown.endswith("\ufffd.wav")
    assert printable("a\nb\x1b[31m") == "a\\nb\\x1b[31m"


def test_a_broadcast_is_no_typescript(tmp_path: Path) -> None:
    (tmp_path / "b.ts").write_bytes((b"\x47" + bytes(187)) * 3)
    (tmp_path / "code.ts").write_text("GET = 1;\n" * 100)
    (tmp_path / "short.ts").write_text("G")
    assert names(tmp_path) == ["b.ts"]
    assert names(tmp_path, patterns=Patterns(["code.*"])) == ["code.ts"]
    assert names(tmp_path, patterns=Patterns([], ["b.*"]), empty_is_fine=True) == []
