"""The workers, as Ray actors: started where resources allow, replaced when they die."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attnasr_cli import console
from attnasr_cli.cluster import ship
from attnasr_cli.cluster.backlog import Chunk
from attnasr_cli.cluster.connect import Cluster
from attnasr_cli.cluster.messages import Lacking, Loaded, Report, Spec
from attnasr_cli.cluster.worker import Worker
from attnasr_cli.errors import AttnasrError, ClusterError

AT_ONCE = 2
"""chunks of a worker: one is read while the other is decoded"""
LOAD_DEATHS = 3
"""how many workers in a row may die while loading the model, before any has loaded it"""
LOOK_S = 5.0
"""how often the size of the cluster is looked at"""
NODE_LEFT = ("its node has died", "node it was running on is dead", "owner's node has crashed")
"""what Ray says where a whole machine has gone; it calls a machine without memory a node, too"""


@dataclass(eq=False)
class Seat:
    """A worker and the chunks it works on."""

    actor: Any
    loaded: Loaded | None = None
    chunks: dict[Any, Chunk] = field(default_factory=dict)
    """by the reference of their result"""
    loading: Any = None

    @property
    def name(self) -> str:
        return self.loaded.worker if self.loaded else "a new worker"

    @property
    def quarantined(self) -> bool:
        """Whether its chunk must run alone."""
        return any(chunk.suspect for chunk in self.chunks.values())


@dataclass(frozen=True)
class Finished:
    """A finished chunk."""

    seat: Seat
    chunk: Chunk
    report: Report


@dataclass(frozen=True)
class Death:
    """A worker that died."""

    seat: Seat
    chunks: list[Chunk]
    reason: str
    blameless: bool
    """its whole machine is gone"""


class Pool:
    """The workers of a run, as many as were asked for or as there is room for."""

    def __init__(
        self, cluster: Cluster, spec: Spec, tell: Callable[[dict[str, Any]], None]
    ) -> None:
        """tell: called with a row of the manifest for each worker that starts or ends."""
        self.cluster, self.spec, self.tell = cluster, spec, tell
        self.ray = cluster.ray
        self.seats: list[Seat] = []
        self.load_deaths = 0
        self.proven = False  # whether a worker has loaded the model
        self.sent: list[Any] = []  # references of the model's files, where it had to be sent
        self.looked = -LOOK_S

    @property
    def ready(self) -> list[Seat]:
        """The workers whose model is loaded."""
        return [seat for seat in self.seats if seat.loaded is not None]

    def grow(self) -> None:
        """Start missing workers."""
        if time.monotonic() - self.looked < LOOK_S and self.seats:
            return
        self.looked = time.monotonic()
        while len(self.seats) < self.cluster.wanted():
            seat = Seat(self.cluster.actor(Worker))
            seat.loading = seat.actor.load.remote(self.spec)
            self.seats.append(seat)

    def first(self) -> Loaded:
        """Wait for the first worker that is ready. Raises the error with which it fails."""
        told = False
        started = time.monotonic()
        while True:
            self.grow()
            self.wait(0.5)
            for seat in self.ready:
                assert seat.loaded is not None
                return seat.loaded
            if not told and time.monotonic() - started > LOOK_S:
                told = True
                console.note(f"waiting for workers: {self.cluster.room()}")

    def submit(self, seat: Seat, chunk: Chunk) -> None:
        """Give a chunk to a worker."""
        method = seat.actor.survey if chunk.survey else seat.actor.run
        jobs = [item.travelling() for item in chunk.items]
        seat.chunks[method.remote(jobs)] = chunk

    def wait(self, timeout_s: float) -> list[Finished | Death]:
        """Events so far, after waiting for at most ``timeout_s``. Raises ClusterError, and the
        AttnasrError of a worker that concerns model or options."""
        owners: dict[Any, Seat] = {}
        for seat in self.seats:
            owners |= dict.fromkeys(seat.chunks, seat)
            if seat.loading is not None:
                owners[seat.loading] = seat
        if not owners:
            return []
        refs = list(owners)
        ready, _ = self.ray.wait(refs, num_returns=1, timeout=timeout_s)
        if ready:  # and whatever else is there by now
            ready, _ = self.ray.wait(refs, num_returns=len(refs), timeout=0)
        events: list[Finished | Death] = []
        for ref in ready:
            if owners[ref] in self.seats:
                events += self._taken(owners[ref], ref)
        return events

    def _taken(self, seat: Seat, ref: Any) -> Sequence[Finished | Death]:
        try:
            value = self.ray.get(ref)
        except self.ray.exceptions.RayTaskError as problem:
            raise _broken(problem) from None
        except self.ray.exceptions.RayError as problem:
            return [self._lost(seat, problem)]
        if ref is seat.loading or ref == seat.loading:
            seat.loading = None
            self._welcome(seat, value)
            return []
        return [Finished(seat, seat.chunks.pop(ref), value)]

    def _welcome(self, seat: Seat, value: Loaded | Lacking | AttnasrError) -> None:
        if isinstance(value, AttnasrError):
            raise value
        if isinstance(value, Lacking):
            self._send(seat)
            return
        seat.loaded, self.proven = value, True
        self.load_deaths = 0
        self.tell({"event": "worker", "worker": seat.name, "device": value.about.device})

    def _send(self, seat: Seat) -> None:
        """Send the model to a worker through Ray's object store."""
        path = Path(self.spec.path)
        files = ship.names(path)
        if not self.sent:
            console.note(f"the model is sent to {self.cluster.address}: workers do not have it")
            folder = path.parent if path.is_file() else path
            self.sent = [self.ray.put((folder / name).read_bytes()) for name in files]
        seat.loading = seat.actor.receive.remote(self.spec, files, *self.sent)

    def _lost(self, seat: Seat, problem: Exception) -> Death:
        self.seats.remove(seat)
        self.kill(seat)
        reason = _reason(problem)
        if seat.loaded is not None:
            self.looked = -LOOK_S  # the next one at once
        else:
            self.load_deaths += 1
            if self.load_deaths >= LOAD_DEATHS and not self.proven:
                raise ClusterError(
                    f"{LOAD_DEATHS} workers died while they loaded the model: {reason}",
                    "is attnasr installed there, and is there memory for the model?",
                )
        console.note(f"{seat.name} is gone ({reason}); what it had in hand is done again")
        self.tell({"event": "died", "worker": seat.name, "reason": reason})
        text = str(problem).lower()
        left = any(words in text for words in NODE_LEFT)
        return Death(seat, list(seat.chunks.values()), reason, left)

    def kill(self, seat: Seat) -> None:
        """End a worker, if it still lives."""
        try:
            self.ray.kill(seat.actor)
        except Exception:  # it is gone already
            return

    def drop(self) -> None:
        """End the workers that are busy, as their results are not needed any more."""
        for seat in [seat for seat in self.seats if seat.chunks]:
            self.seats.remove(seat)
            self.kill(seat)

    def close(self) -> None:
        """End all workers."""
        for seat in self.seats:
            self.kill(seat)
        self.seats = []


def _reason(problem: Exception) -> str:
    """The reason why a worker died, as one line of Ray's long message."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    for word in ("died because", "No module named", "worker process has died", "memory", "node"):
        for line in lines:
            if word in line:
                short = line.removeprefix("The actor died because ").partition(". ")[0]
                return short.rstrip(".")
    return lines[0] if lines else type(problem).__name__


def _broken(problem: Exception) -> ClusterError:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    line = lines[-1] if lines else type(problem).__name__
    if "No module named" in line:
        return ClusterError(
            f"the workers lack a package: {line}", "install attnasr there, in the same version"
        )
    return ClusterError(f"a worker failed: {line}", "please report this")
