"""What is done stays done, whenever a run ends; nothing is half-written or replaced unasked."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

from attnasr_cli.errors import OutputError
from attnasr_cli.transcribe.journal import FolderError, Journal, content_key

NEW = {"a.txt": ("k2", b"new text\n"), "a.srt": ("k2", b"new cues\n")}
OLD = {"a.txt": ("k1", b"old text\n"), "a.srt": ("k1", b"old cues\n")}


def keys(outputs: dict[str, tuple[str, bytes]]) -> dict[str, str]:
    return {name: key for name, (key, _) in outputs.items()}


def visible(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_done_is_remembered(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert not journal.is_done("a.wav", keys(OLD))
        journal.write("a.wav", "a", OLD)
        assert journal.is_done("a.wav", keys(OLD))
    with Journal(tmp_path) as journal:
        assert journal.is_done("a.wav", keys(OLD))
        assert not journal.is_done("a.wav", keys(NEW))
        assert not journal.is_done("b.wav", keys(OLD))
        assert journal.stems() == {"a": "a.wav"}
        (tmp_path / "a.srt").unlink()
        assert not journal.is_done("a.wav", keys(OLD))
        assert journal.is_done("a.wav", {"a.txt": "k1"})
        assert journal.in_the_way("a.wav", {"a.srt": "k1"}) is None


def test_a_format_more_leaves_the_others_alone(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write("a.wav", "a", {"a.txt": ("k1", b"1")})
        journal.write("a.wav", "a", {"a.srt": ("k2", b"2")})
        assert journal.is_done("a.wav", {"a.txt": "k1", "a.srt": "k2"})


def test_what_is_not_ours_or_of_something_else_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("mine")
    with Journal(tmp_path) as journal:
        journal.write("a.wav", "a", OLD)
    with Journal(tmp_path) as journal:
        assert "not written by attnasr" in (journal.in_the_way("b.wav", {"b.txt": "k"}) or "")
        assert "not written by attnasr" in (journal.in_the_way("c.wav", {"a.txt": "k1"}) or "")
        assert "other audio" in (journal.in_the_way("a.wav", keys(NEW)) or "")
        assert journal.in_the_way("a.wav", keys(OLD)) is None
        assert journal.in_the_way("new.wav", {"new.txt": "k"}) is None


def test_what_this_run_wrote_it_may_replace(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.write("a.wav", "a", OLD)
    with Journal(tmp_path) as journal:
        assert journal.in_the_way("a.wav", keys(NEW))
        journal.write("a.wav", "a", OLD)
        assert journal.in_the_way("a.wav", keys(NEW)) is None
        assert journal.in_the_way("b.wav", keys(NEW))


class Killed(BaseException):
    """Nothing can catch it, as nothing can catch kill -9."""


@pytest.mark.parametrize("moment", range(12))
def test_an_end_at_any_moment_leaves_whole_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Every write, sync and rename is a moment at which the process may go."""
    with Journal(tmp_path) as journal:
        journal.write("a.wav", "a", OLD)
    count = 0

    def dying(name: str) -> None:
        real = getattr(os, name)

        def call(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            if count > moment:
                raise Killed
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    with monkeypatch.context() as patch:
        journal = Journal(tmp_path)
        monkeypatch = patch
        for name in ("fsync", "replace"):
            dying(name)
        with contextlib.suppress(Killed):
            journal.write("a.wav", "a", NEW)
        journal._lock.close()  # as the end of a process does
    for name, content in visible(tmp_path).items():
        assert content in (OLD[name][1], NEW[name][1])
    with Journal(tmp_path) as journal:
        assert list((tmp_path / ".attnasr" / "tmp").iterdir()) == []
        if not journal.is_done("a.wav", keys(NEW)):
            entry = journal.entries["a.wav"]
            if entry.writing:
                assert journal.in_the_way("a.wav", keys(NEW)) is None
            journal.write("a.wav", "a", NEW)
    assert visible(tmp_path) == {name: content for name, (_, content) in NEW.items()}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_journal_that_was_cut_off_is_read(tmp_path: Path, cut: int) -> None:
    with Journal(tmp_path) as journal:
        journal.write("a.wav", "a", OLD)
        journal.write("b.wav", "b", {"b.txt": ("k", b"b")})
    path = tmp_path / ".attnasr" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    with Journal(tmp_path) as journal:
        assert journal.is_done("a.wav", keys(OLD))
        journal.write("c.wav", "c", {"c.txt": ("k", b"c")})
    with Journal(tmp_path) as journal:
        assert journal.is_done("c.wav", {"c.txt": "k"})


def test_two_runs_on_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(OutputError, match=rf"process {os.getpid()}"):
        Journal(tmp_path)
    Journal(tmp_path).close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_forbidden_folder_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with Journal(tmp_path) as journal:
        journal.write("a.wav", "a", OLD)

        def fail(*args: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", fail)
            with pytest.raises(FolderError, match=os.strerror(number)) as caught:
                journal.write("b.wav", "b", {"b.txt": ("k", b"b")})
        assert caught.value.hint
        assert visible(tmp_path) == {name: content for name, (_, content) in OLD.items()}


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot write to"):
        Journal(tmp_path / "out")


def test_the_key_is_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"one")
    (tmp_path / "c").write_bytes(b"two")
    found = [content_key(tmp_path / name) for name in "abc"]
    assert found[0] == found[1] != found[2]
