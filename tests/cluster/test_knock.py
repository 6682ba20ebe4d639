"""An address where no cluster answers: one line and a hint within seconds."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest

from attnasr_cli.cluster import connect
from attnasr_cli.errors import ClusterError
from tests.conftest import Ran


@pytest.fixture
def recording(tmp_path: Path, speech_file: Callable[..., Path]) -> Path:
    return speech_file(tmp_path / "in" / "a.wav", 0.5)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_nobody_at_an_address(address: str, attnasr: Callable[..., Ran], recording: Path) -> None:
    pytest.importorskip("ray", reason="needs Ray: the extra `cluster`")
    ran = attnasr("transcribe", recording, "--cluster", address)
    assert ran.code == 1
    assert f"error: no Ray cluster at {address}" in ran.err
    assert "hint: is it running" in ran.err


class Stranger(socketserver.BaseRequestHandler):
    """A server that is not Ray's: it sends ``says`` and waits."""

    says = b""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.request.sendall(self.says)
            while self.request.recv(1024):
                continue


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[type], str]]:
    """``listening(handler)`` → the address of a server; who says nothing is waited for shortly."""
    monkeypatch.setattr(connect, "ANSWER_S", 0.5)
    servers: list[socketserver.ThreadingTCPServer] = []

    def listen(handler: type) -> str:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"127.0.0.1:{server.server_address[1]}"

    yield listen
    for server in servers:
        server.shutdown()
        server.server_close()


class Silent(Stranger):
    """Takes connections and says nothing."""


class Ssh(Stranger):
    says = b"SSH-2.0-OpenSSH_9.6\r\n"


class Hasty(Stranger):
    """Hangs up at once."""

    def handle(self) -> None: ...


@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize("handler", [BaseHTTPRequestHandler, Silent, Ssh, Hasty])
def test_something_else_at_an_address(
    handler: type,
    scheme: str,
    listening: Callable[[type], str],
    attnasr: Callable[..., Ran],
    recording: Path,
) -> None:
    pytest.importorskip("ray", reason="needs Ray: the extra `cluster`")
    address = scheme + listening(handler)
    started = time.monotonic()
    ran = attnasr("transcribe", recording, "--cluster", address)
    assert ran.code == 1
    assert f"error: no Ray cluster at {address}: something else answers there" in ran.err
    assert "hint: is the port right (6379" in ran.err
    assert time.monotonic() - started < 5.0


def test_tls_and_settings_are_taken_for_ray(
    listening: Callable[[type], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greeting(Stranger):
        says = bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100])

    connect._knock(listening(Greeting))
    monkeypatch.setenv("RAY_USE_TLS", "1")
    connect._knock(listening(Silent))


@pytest.mark.parametrize("where", ["RAY_ADDRESS", "the last ray start"])
def test_auto_leads_to_a_cluster_that_is_gone(
    where: str, attnasr: Callable[..., Ran], recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself waits for two minutes."""
    services = pytest.importorskip("ray._private.services", reason="needs Ray")
    if where == "RAY_ADDRESS":
        monkeypatch.setenv(where, "127.0.0.1:1")
    else:
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        monkeypatch.setattr(services, "find_gcs_addresses", set)
        monkeypatch.setattr(services, "find_bootstrap_address", lambda folder: "127.0.0.1:1")
    ran = attnasr("transcribe", recording, "--cluster", "auto")
    assert ran.code == 1
    assert "error: no Ray cluster at 127.0.0.1:1: Connection refused" in ran.err


def test_a_cluster_with_tokens_is_hinted_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**how: object) -> None:
        raise ConnectionError("Failed to connect to Ray cluster at 192.0.2.2:6379")

    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(ClusterError) as caught:
        connect._attempt(SimpleNamespace(init=init), "192.0.2.2:6379")
    assert "RAY_AUTH_MODE=token" in caught.value.hint
