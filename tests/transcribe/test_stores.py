"""Recordings and outputs in an S3 store: everything that holds for a folder on disk holds there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.errors import OutputError
from attnasr_cli.families.base import Decoded
from attnasr_cli.recognize.jobs import SegmentResult
from attnasr_cli.transcribe import remote_journal
from attnasr_cli.transcribe.journal import FolderError
from attnasr_cli.transcribe.remote_journal import RemoteJournal
from tests.conftest import Ran

s3fs = pytest.importorskip("s3fs", reason="needs s3fs: the extra `remote`")
server_of = pytest.importorskip("moto.server", reason="needs moto, a local S3 server")

OUTPUTS = {"a.txt": ("k1", b"one\n"), "a.srt": ("k2", b"two\n")}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    made = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store with an empty bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):  # nobody's own settings
        monkeypatch.setenv(name, os.devnull)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    fs = s3fs.S3FileSystem(use_listings_cache=False)
    fs.mkdir("bucket")
    yield fs
    fs.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_folder_of_a_store_into_another(
    store: Any,
    tmp_path: Path,
    speech_file: Callable[..., Path],
    tiny_model: Path,
    attnasr: Callable[..., Ran],
) -> None:
    for number, name in enumerate(["a.wav", "deep/b.wav"]):
        content = speech_file(tmp_path / "in" / name, 0.6 + 0.2 * number, number).read_bytes()
        store.pipe_file(f"bucket/in/{name}", content)
    args = ["-m", tiny_model, "--beam", "1", "-f", "txt,srt", "-o"]
    assert attnasr("transcribe", tmp_path / "in", *args, tmp_path / "out").code == 0
    ran = attnasr("transcribe", "s3://bucket/in", *args, "s3://bucket/out")
    assert ran.code == 0, ran.err
    got = {p.removeprefix("bucket/out/"): store.cat_file(p) for p in store.find("bucket/out")}
    visible = {name: content for name, content in got.items() if ".attnasr" not in name}
    assert visible == {
        str(p.relative_to(tmp_path / "out")): p.read_bytes()
        for p in (tmp_path / "out").rglob("*.*")
        if p.is_file() and ".attnasr" not in p.parts
    }
    assert ".attnasr/lock" not in got
    again = attnasr("transcribe", "s3://bucket/in", *args, "s3://bucket/out")
    assert "0 transcribed, 2 done before" in again.err
    store.pipe_file("bucket/in/a.wav", speech_file(tmp_path / "c.wav", 1.0, 9).read_bytes())
    other = attnasr("transcribe", "s3://bucket/in", *args, "s3://bucket/out")
    assert "1 done before, 1 failed" in other.err
    assert (
        attnasr("transcribe", "s3://bucket/in", *args, "s3://bucket/out", "--overwrite").code == 0
    )
    assert store.cat_file("bucket/out/a.txt") != visible["a.txt"]


def test_what_is_not_ours_is_not_replaced(store: Any) -> None:
    store.pipe_file("bucket/out/b.txt", b"mine")
    with RemoteJournal("s3://bucket/out") as journal:
        past = journal.past("b.wav", ["b.txt"])
        assert "s3://bucket/out/b.txt exists and was not" in (past.in_the_way({"b.txt": "k"}) or "")
        journal.write("a.wav", "a", OUTPUTS)
    with RemoteJournal("s3://bucket/out") as journal:
        keys = {name: key for name, (key, _) in OUTPUTS.items()}
        assert journal.past("a.wav", keys).is_done(keys)
        assert journal.stems() == {"a": "a.wav"}
        assert journal.past("a.wav", ["a.txt"]).in_the_way({"a.txt": "other"})


class Killed(BaseException):
    """Nothing can catch it."""


@pytest.mark.parametrize("moment", range(1, 5))
def test_an_end_at_any_moment_loses_nothing(
    store: Any, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """Every group of objects that is sent is a moment at which the process may go."""
    monkeypatch.setattr(remote_journal, "GROUP_S", 0.0)
    journal = RemoteJournal("s3://bucket/out")
    real, count = journal.fs.pipe, 0

    def pipe(contents: Any) -> None:
        nonlocal count
        count += 1
        if count >= moment:
            raise Killed
        real(contents)

    journal.fs = _Wrapped(journal.fs, pipe)
    for name in ("a", "b"):
        try:
            journal.write(f"{name}.wav", name, {f"{name}.txt": ("k", name.encode())})
        except Killed:
            break
    journal._ending.set()
    with RemoteJournal("s3://bucket/out") as journal:  # of this process, so its lock counts as gone
        for name in ("a", "b"):
            keys = {f"{name}.txt": "k"}
            past = journal.past(f"{name}.wav", keys)
            assert past.in_the_way(keys) is None
            if past.is_done(keys):
                assert store.cat_file(f"bucket/out/{name}.txt") == name.encode()


class _Wrapped:
    def __init__(self, fs: Any, pipe: Callable[[Any], None]) -> None:
        self.fs, self.pipe = fs, pipe

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fs, name)


def test_a_recording_goes_on_in_its_middle(store: Any) -> None:
    outcome = SegmentResult([(1.0, Decoded([], -0.5))])
    with RemoteJournal("s3://bucket/out") as journal:
        journal.keep("key", (0, 16_000), outcome)
    with RemoteJournal("s3://bucket/out") as journal:
        assert journal.parts.read("key") == {(0, 16_000): outcome}
        assert journal.parts.read("other") == {}
        journal.parts.drop("key")
    assert not store.exists("bucket/out/.attnasr/parts/key.jsonl")


def test_two_runs_do_not_meet(store: Any) -> None:
    owner = {"host": "elsewhere", "pid": 7, "time": time.time()}
    lock = "bucket/out/.attnasr/lock"
    store.pipe_file(lock, json.dumps(owner).encode())
    with pytest.raises(OutputError, match=r"another attnasr .process 7 on elsewhere"):
        RemoteJournal("s3://bucket/out")
    store.pipe_file(lock, json.dumps(owner | {"time": time.time() - 1e4}).encode())
    RemoteJournal("s3://bucket/out").close()
    gone = owner | {"host": os.uname().nodename, "pid": 2**22 + 1}
    store.pipe_file(lock, json.dumps(gone).encode())
    RemoteJournal("s3://bucket/out").close()


def test_a_store_that_is_not_there(store: Any) -> None:
    with pytest.raises(FolderError, match="cannot write to s3://no-such-bucket/out"):
        RemoteJournal("s3://no-such-bucket/out")
