"""``driver``: a run whose workers are this very process, so that what they do can be looked at; it
needs no Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli import __version__
from attnasr_cli.checkpoint.identity import model_key
from attnasr_cli.cluster.backlog import Chunk
from attnasr_cli.cluster.messages import Loaded, Spec
from attnasr_cli.cluster.pool import Death, Finished, Seat
from attnasr_cli.cluster.run import Driver
from attnasr_cli.cluster.worker import Worker
from attnasr_cli.recognize.jobs import Job
from attnasr_cli.recognize.meter import Meter

SETTINGS: dict[str, Any] = {"batch": 4.0, "max_segment": 2.0, "beam": 1}


class Threadless:
    """A pool that works when it is waited for. ``fate`` says of each chunk why its worker dies;
    workers answer in the order that ``turn`` chooses."""

    def __init__(self, worker: Worker, loaded: Loaded, count: int) -> None:
        self.worker = worker
        self.seats = [Seat(None, loaded) for _ in range(count)]
        self.fate: Callable[[Chunk], str | None] = lambda chunk: None
        self.turn: Callable[[list[Seat]], Seat] = lambda busy: busy[0]
        self.chunks: list[Chunk] = []
        self.rows: list[dict[str, Any]] = []
        self.tell = self.rows.append

    @property
    def ready(self) -> list[Seat]:
        return self.seats

    def grow(self) -> None:
        pass

    def submit(self, seat: Seat, chunk: Chunk) -> None:
        seat.chunks[len(self.chunks)] = chunk
        self.chunks.append(chunk)

    def wait(self, timeout_s: float) -> list[Finished | Death]:
        busy = [seat for seat in self.seats if seat.chunks]
        if not busy:
            return []
        seat = self.turn(busy)
        number, chunk = next(iter(seat.chunks.items()))
        reason = self.fate(chunk)
        if reason:
            lost, seat.chunks = list(seat.chunks.values()), {}
            return [Death(seat, lost, reason, "node" in reason)]
        del seat.chunks[number]
        work = self.worker.survey if chunk.survey else self.worker.run
        return [Finished(seat, chunk, work([item.travelling() for item in chunk.items]))]

    def drop(self) -> None:
        for seat in self.seats:
            seat.chunks = {}


@pytest.fixture(scope="session")
def worker(tiny_model: Path) -> tuple[Worker, Loaded]:
    made = Worker()
    spec = Spec(
        "tiny", str(tiny_model), model_key(tiny_model), "cpu", "float32", SETTINGS, 1, __version__
    )
    loaded = made.load(spec)
    assert isinstance(loaded, Loaded)
    return made, loaded


@pytest.fixture
def driver(
    worker: tuple[Worker, Loaded],
) -> Callable[..., tuple[Driver, Threadless]]:
    """``driver(jobs, workers=2, ordered=False)`` → the run, and its pool."""

    def make(
        jobs: Iterable[Job | None], workers: int = 2, ordered: bool = False
    ) -> tuple[Driver, Threadless]:
        pool: Any = Threadless(*worker, workers)
        return Driver(pool, worker[1], jobs, Meter(), ordered), pool

    return make
