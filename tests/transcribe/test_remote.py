"""Recordings at addresses: fetched, mirrored, known again without fetching; what fails says why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

import pytest

from attnasr_cli import remote
from attnasr_cli.errors import AudioError, UsageError
from tests.conftest import Ran


class Handler(SimpleHTTPRequestHandler):
    """Counts what it is asked for; ``faults`` are answered first."""

    asked: list[str]
    faults: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(f"GET {self.path}")
        fault = type(self).faults.pop(0) if type(self).faults else ""
        if fault == "busy":
            self.send_error(503)
        elif fault == "short":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"RIFF")
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        type(self).asked.append(f"HEAD {self.path}")
        super().do_HEAD()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that serves tmp_path/web."""
    (tmp_path / "web").mkdir()
    Handler.asked, Handler.faults = [], []
    monkeypatch.setattr(remote, "PAUSE_S", 0.0)
    make = partial(Handler, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), make) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def test_a_recording_from_the_web(
    server: str,
    tmp_path: Path,
    speech_file: Callable[..., Path],
    tiny_model: Path,
    attnasr: Callable[..., Ran],
) -> None:
    file = speech_file(tmp_path / "web" / "a talk.wav", 0.6)
    args = ["-m", tiny_model, "--beam", "1", "-q", "-o", tmp_path / "out"]
    url = f"{server}/a%20talk.wav"
    Handler.faults = ["busy", "short"]
    assert attnasr("transcribe", url, *args).code == 0
    assert Handler.asked.count("GET /a%20talk.wav") == 3
    text = (tmp_path / "out" / "a talk.txt").read_text()
    plain = attnasr("transcribe", file, *args[:-1], tmp_path / "plain")
    assert plain.code == 0
    assert text == (tmp_path / "plain" / "a talk.txt").read_text()
    assert attnasr("transcribe", url, *args).code == 0
    assert Handler.asked.count("GET /a%20talk.wav") == 3  # it is known by what HEAD says
    speech_file(file, 0.9, 5)
    ran = attnasr("transcribe", url, *args)
    assert "made of other audio" in ran.err


@pytest.mark.parametrize(
    ("fault", "words"),
    [("busy", "503"), ("short", "only 4 of 100000 bytes came")],
)
def test_a_fault_that_stays_is_one_line(server: str, fault: str, words: str) -> None:
    Handler.faults = [fault] * remote.ATTEMPTS
    with pytest.raises(AudioError, match=words), remote_copy(f"{server}/a.wav"):
        pass
    assert len(Handler.asked) == remote.ATTEMPTS


def remote_copy(url: str):  # type: ignore[no-untyped-def]
    from attnasr_cli.audio.load import on_disk

    return on_disk(url)


def test_nothing_there(server: str, attnasr: Callable[..., Ran], tiny_model: Path) -> None:
    ran = attnasr("transcribe", "-m", tiny_model, f"{server}/none.wav")
    assert ran.code == 1
    assert f"error: {server}/none.wav cannot be read: 404 File not found" in ran.err
    assert len(Handler.asked) == 1
    ran = attnasr("transcribe", "-m", tiny_model, "http://127.0.0.1:1/none.wav")
    assert "cannot be read: " in ran.err


def test_a_folder_of_a_store(
    tmp_path: Path,
    speech_file: Callable[..., Path],
    tiny_model: Path,
    attnasr: Callable[..., Ran],
) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    names = ["in/a.wav", "in/deep/b.wav", "in/.hidden/c.wav", "in/notes.txt"]
    content = speech_file(tmp_path / "a.wav", 0.6).read_bytes()
    for name in names:
        store.pipe_file(f"/{name}", content)
    assert remote.is_folder("memory://in")
    assert [path for _, path, _ in remote.walk("memory://in")][-1] == PurePosixPath("notes.txt")
    args = ["-m", tiny_model, "--beam", "1", "-q", "-o", tmp_path / "out"]
    assert attnasr("transcribe", "memory://in", *args).code == 0
    texts = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.txt"))
    assert texts == [Path("a.txt"), Path("deep/b.txt")]
    store.rm("/in", recursive=True)
    ran = attnasr("transcribe", "memory://in", *args)
    assert "nothing at memory://in" in ran.err


def test_addresses_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="foo://"):
        remote.filesystem("foo://bar/a.wav")
    assert not remote.is_url("a/b.wav")
    assert not remote.is_url(Path("https://a"))
    assert remote.name_of("https://host/talks/one%20two.mp3?key=1") == "one two.mp3"
    assert remote.name_of("s3://bucket/talks/100%.mp3") == "100%.mp3"
