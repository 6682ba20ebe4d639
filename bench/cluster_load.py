"""What the driver of a cluster costs: synthetic recordings, workers that answer at once.

    python bench/cluster_load.py [--recordings 2000] [--seconds 5] [--formats txt]

Everything that the driver does is real: it reads headers, makes chunks, pickles what travels, and
writes outputs and journal. Printed are processor seconds of its one thread for a recording, bytes
that travel each way, bytes and lines of the journal, and what follows for a minute.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from attnasr_cli.cluster.backlog import Chunk
from attnasr_cli.cluster.messages import Done, Loaded, Report
from attnasr_cli.cluster.pool import Finished, Seat
from attnasr_cli.cluster.run import Driver
from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.output.formats import choose
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.stitch import About
from attnasr_cli.transcribe.check import KeyFacts
from attnasr_cli.transcribe.inputs import find
from attnasr_cli.transcribe.journal import Journal
from attnasr_cli.transcribe.options import InputOptions
from attnasr_cli.transcribe.plan import Planner
from attnasr_cli.transcribe.run import Run
from attnasr_cli.transcribe.sinks import ToFolder

WORDS_PER_S = 2.5


class Echo:
    """A pool whose workers answer at once; what would travel is pickled and counted."""

    def __init__(self, loaded: Loaded, workers: int, seconds: float) -> None:
        self.seats = [Seat(None, loaded) for _ in range(workers)]
        self.sent = self.received = self.chunks = 0
        self.pickling_s = 0.0
        self.parts = [(0.0, _decoded(seconds))]
        self.seconds = seconds
        self.waiting: list[tuple[Seat, Chunk, bytes]] = []
        self.tell = lambda row: None

    @property
    def ready(self) -> list[Seat]:
        return self.seats

    def grow(self) -> None: ...

    def drop(self) -> None: ...

    def submit(self, seat: Seat, chunk: Chunk) -> None:
        message = pickle.dumps([item.travelling() for item in chunk.items])
        self.sent += len(message)
        self.chunks += 1
        seat.chunks[self.chunks] = chunk
        self.waiting.append((seat, chunk, message))

    def wait(self, timeout_s: float) -> list[Finished]:
        events = []
        for seat, chunk, message in self.waiting:
            started = time.process_time()
            done = []
            for job in pickle.loads(message):  # what a worker does is not the driver's time
                job.check.before()
                done.append(Done(parts=self.parts, duration_s=self.seconds, check=job.check))
            answer = pickle.dumps(Report(done, 0.1))
            self.pickling_s += time.process_time() - started
            self.received += len(answer)
            seat.chunks = {n: c for n, c in seat.chunks.items() if c is not chunk}
            events.append(Finished(seat, chunk, pickle.loads(answer)))
        self.waiting = []
        return events


def _decoded(seconds: float) -> Decoded:
    count = int(seconds * WORDS_PER_S)
    words = [Word(f" word{i}", i / WORDS_PER_S, (i + 1) / WORDS_PER_S, 0.9) for i in range(count)]
    text = "".join(word.word for word in words)
    return Decoded([Piece(0.0, seconds, text, list(range(2 * count)), -0.2, words)], -0.2)


class Transcriber:
    def __init__(self, pool: Any, loaded: Loaded) -> None:
        self.pool, self.loaded = pool, loaded
        self.transcript = loaded.about.transcript

    def events(self, jobs: Any, meter: Meter, ordered: bool) -> Any:
        return Driver(self.pool, self.loaded, jobs, meter, ordered).events()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each recording")
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--formats", default="txt")
    parser.add_argument("--batch", type=float, default=1200.0, help="as a GPU has it")
    given = parser.parse_args()
    about = About("synthetic", ("en",), "cuda:0", "bfloat16", {})
    loaded = Loaded("host:1", about, "", given.batch, 30.0, False)
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "in"), Path(place, "out")
        folder.mkdir()
        samples = np.zeros(int(given.seconds * 16_000), np.int16)
        first = folder / "0.wav"
        soundfile.write(first, samples, 16_000)
        for i in range(1, given.recordings):
            os.link(first, folder / f"{i}.wav")
        pool = Echo(loaded, given.workers, given.seconds)
        formats = choose(given.formats)
        with Journal(out) as journal:
            facts = KeyFacts("model", {}, {})
            tasks = Planner(InputOptions(), False, formats, journal, facts).plan(
                find([str(folder)])
            )
            sink = ToFolder(journal, formats, CueConfig())
            before, started = time.process_time(), time.monotonic()
            outcome = Run(Transcriber(pool, loaded), sink).run(tasks, None)
            cpu = time.process_time() - before - pool.pickling_s
            wall = time.monotonic() - started
        assert outcome.done == given.recordings, outcome
        size = (out / ".attnasr" / "journal.jsonl").stat().st_size
    count = given.recordings
    print(f"{count} recordings in {pool.chunks} chunks, {given.workers} workers")
    print(f"driver: {1000 * cpu / count:.2f} ms of processor a recording; {wall:.1f} s of clock")
    out, back = pool.sent / count, pool.received / count
    print(f"travel: {out:.0f} bytes out, {back:.0f} back a recording")
    print(f"journal: {size / count:.0f} bytes and 2 lines, each synced, a recording")
    print(f"10,000 a minute: {10_000 * cpu / count / 60:.0%} of a core,")
    print(f"  {10_000 * (pool.sent + pool.received) / count / 60 / 1e6:.2f} MB/s on the network,")
    kilobytes = 10_000 * size / count / 60 / 1e3
    print(f"  {10_000 * 2 / 60:.0f} journal lines a second, {kilobytes:.0f} kB/s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
