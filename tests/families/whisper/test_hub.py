"""Downloads, against a small server that speaks the hub's protocol."""

from __future__ import annotations

import errno
import http.server
import re
import shutil
import threading
from pathlib import Path

import pytest

from attnasr_cli.app import main
from attnasr_cli.checkpoint import hub
from attnasr_cli.errors import ModelError
from attnasr_cli.families import models
from attnasr_cli.families.whisper.checkpoint import load_whisper, save_hf
from attnasr_cli.families.whisper.published import PUBLISHED
from tests.families.whisper.conftest import SMALL
from tests.families.whisper.ctranslate2_writer import write_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Files of one repository, ``someone/small``, and what shall go wrong with them."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.cut = {}  # name -> bytes after which a connection breaks, once
        self.lie = {}  # name -> size that is announced
        self.log = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def refuse(self, code):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, body):
        hub = self.server
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        hub.log.append((self.command, self.path.rpartition("/")[2], self.headers.get("Range")))
        if found is None or found.group(1) != "someone/small":
            return self.refuse("RepoNotFound")
        if found.group(2) not in ("main", COMMIT):
            return self.refuse("RevisionNotFound")
        name = found.group(3)
        if name not in hub.files:
            return self.refuse("EntryNotFound")
        data, start = hub.files[name], 0
        if body and self.headers.get("Range"):
            start = int(re.match(r"bytes=(\d+)-", self.headers["Range"]).group(1))
        self.send_response(206 if start else 200)
        size = hub.lie.get(name, len(data))
        self.send_header("Content-Length", str((len(data) if body else size) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", f'"{name}-{len(data)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if not body:
            return None
        limit = hub.cut.pop(name, None)
        self.wfile.write(data[start:limit])
        if limit is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        return None


@pytest.fixture(scope="module")
def files(pair, tmp_path_factory):
    _, model = pair(SMALL)
    path = tmp_path_factory.mktemp("published")
    save_hf(path, model.net, model.tokenizer)
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.fixture
def server(files, tmp_path, monkeypatch):
    running = Hub()
    running.files = dict(files)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", running.url)
    monkeypatch.setenv("ATTNASR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ATTNASR_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    yield running
    running.shutdown()
    running.server_close()


WANTED = hub.Source("someone/small")


def test_first_use_downloads_and_the_second_needs_no_network(server):
    path = models.find("someone/small")
    assert path.name == COMMIT
    assert load_whisper(path).header.languages[0] == "en"
    asked = len(server.log)
    assert models.find("someone/small") == path
    assert len(server.log) == asked


def test_a_downloaded_model_is_called_as_it_was_asked_for(server):
    """Its folder is called by a revision that nobody asked for."""
    assert models.load("someone/small").header.name == "someone/small"
    path = models.find("someone/small")
    assert models.load(path).header.name == path.name == COMMIT  # given by path: that is its name


def test_a_folder_that_is_called_like_a_published_model_does_not_hide_it(server, monkeypatch):
    """As an output folder may be; a folder that is no model and no published name is named."""
    Path("whisper-tiny").mkdir()
    monkeypatch.setitem(PUBLISHED, "whisper-tiny", WANTED)
    assert models.find("whisper-tiny").name == COMMIT
    Path("results").mkdir()
    with pytest.raises(ModelError, match="not a model folder"):
        models.find("results")


def test_a_broken_download_goes_on_where_it_stopped(server):
    server.cut["model.safetensors"] = 12_000_000  # they are kept in pieces of 10 MB
    path = hub.pull(WANTED)
    assert (path / "model.safetensors").read_bytes() == server.files["model.safetensors"]
    ranges = [r for command, name, r in server.log if name == "model.safetensors" and r]
    assert any(re.match(r"bytes=[1-9]\d*-", r) for r in ranges)


def test_a_wrong_size_is_not_kept(server):
    server.lie["model.safetensors"] = 100_000_000
    with pytest.raises(ModelError, match="someone/small"):
        hub.pull(WANTED)
    assert hub.local(WANTED) is None
    server.lie.clear()
    shutil.rmtree(hub.cache())
    assert hub.pull(WANTED).is_dir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("someone/else", "no model someone/else on the hub"),
        ("someone/small@other", "no revision other"),
    ],
)
def test_what_is_not_there(server, name, message):
    with pytest.raises(ModelError, match=message) as caught:
        hub.pull(hub.source(name, PUBLISHED))
    assert caught.value.hint


def test_a_model_of_another_kind(server):
    del server.files["tokenizer.json"]
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        hub.pull(WANTED)


def test_no_safetensors(server):
    del server.files["model.safetensors"]
    with pytest.raises(ModelError, match="has no model"):
        hub.pull(WANTED)


@pytest.mark.parametrize("own", [True, False])
def test_a_model_of_faster_whisper(server, own, pair, tmp_path, monkeypatch):
    """Its repositories have CTranslate2's form; what it downloaded is not downloaded again."""
    folder = write_folder(tmp_path / "ct2", pair(SMALL)[1], "float16")
    server.files = {file.name: file.read_bytes() for file in folder.iterdir()}
    del server.files["vocabulary.json"]
    if own:
        path = models.find("someone/small")
    else:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "theirs"))
        names = ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]
        for name in names:  # as its snapshot_download lays them out
            hub_file("someone/small", name, tmp_path / "theirs", server.url)
        asked = len(server.log)
        path = models.find("someone/small")
        assert len(server.log) == asked
        assert tmp_path / "theirs" in path.parents
    assert load_whisper(path).net.alignment_heads == ((1, 2), (2, 0))


def hub_file(repo, name, cache, url):
    from huggingface_hub import hf_hub_download

    return hf_hub_download(repo, name, cache_dir=cache, endpoint=url)


def test_no_connection_says_which_folder_to_copy(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError) as caught:
        hub.pull(WANTED)
    assert str(hub.cache()) in caught.value.hint


def test_no_space(server, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
    with pytest.raises(ModelError, match="no space") as caught:
        hub.pull(WANTED)
    assert "ATTNASR_CACHE" in caught.value.hint


def test_pull_and_export_commands(server, tmp_path, capsys):
    assert main(["models", "pull", "someone/small"]) == 0
    assert capsys.readouterr().out.strip().endswith(COMMIT)
    assert main(["models", "export", "someone/small", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert main(["models", "export", "someone/small", str(tmp_path / "out")]) == 2
    assert main(["models", "pull", "no-such-name"]) == 2
    assert "whisper-tiny" in capsys.readouterr().err


def test_names():
    assert (
        hub.source("whisper-tiny", PUBLISHED).revision
        == hub.source("openai/whisper-tiny", PUBLISHED).revision
    )
    assert hub.source("openai/whisper-tiny@main", PUBLISHED).revision == "main"
    assert hub.source("a/b@v1.0", PUBLISHED) == hub.Source("a/b", "v1.0")
    for path in ("english-small", "./a", "a/b/c", "/a/b", "a b/c"):
        assert hub.source(path, PUBLISHED) is None
    for source in PUBLISHED.values():
        assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
