"""The bar on a terminal: it shows how far a run is, makes room for results, and leaves nothing."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from attnasr_cli import console
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.transcribe import progress as module
from attnasr_cli.transcribe.progress import Progress

HIDDEN, SHOWN, ERASED = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"  # cursor, cursor, line


class Watched(Meter):
    """Says when it was asked, which is when the bar is drawn anew."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)

    @property
    def handled_s(self) -> float:
        self.asked.release()
        return super().handled_s


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(console, "err_console", lambda: terminal)
    monkeypatch.setattr(module, "REFRESH_S", 0.001)
    return screen


def test_a_terminal_shows_a_bar(screen: io.StringIO) -> None:
    meter = Watched()
    with Progress(meter, 3, status=lambda: "2 workers") as progress:
        progress.done, progress.current = 2, "deep/\ntalk.wav"
        meter.read(10.0)
        for _ in range(20):  # the first lines may have been begun before the figures were there
            if "2/3 files" in screen.getvalue():
                break
            assert meter.asked.acquire(timeout=60)
        with progress.paused():
            assert screen.getvalue().count(SHOWN) == 1
            assert screen.getvalue().rstrip("\n").endswith(ERASED)
            screen.write("a result\n")
    text = screen.getvalue()
    for part in ("2/3 files", "10 s", "x real time", "2 workers", r"deep/\ntalk.wav"):
        assert part in text
    assert text.count(HIDDEN) == text.count(SHOWN) == 2
    assert text.index("2/3 files") < text.index("a result")
    assert not [t for t in threading.enumerate() if t.name == "attnasr-progress"]


def test_quiet_shows_nothing(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_quiet", lambda: True)
    with Progress(Meter(), 3) as progress, progress.paused():
        pass
    assert screen.getvalue() == ""


class Waiting(threading.Event):
    """Whose waits return at once, so many times; then it is set. ``then``: called at each."""

    def __init__(self, times: int, then: Callable[[int], None]) -> None:
        super().__init__()
        self.times, self.then, self.count = times, then, 0

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        self.then(self.count)
        return self.count > self.times


@pytest.mark.parametrize(("files", "lines"), [(None, 2), (3, 10)])
def test_a_log_gets_no_lines_while_nothing_comes(
    files: int | None,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --watch hours may pass without a recording; a run that ends says how long is left."""
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    progress = Progress(Meter(), files)

    def one_more(count: int) -> None:
        if count in (4, 7):
            progress.done += 1

    progress._ending = Waiting(10, one_more)
    progress._run()
    assert len(capsys.readouterr().err.splitlines()) == lines
