"""The worker process: loads a recogniser once and transcribes chunks of recordings.

It may hold two chunks: one is read while the other is decoded.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from attnasr_cli.cluster import ship
from attnasr_cli.cluster.messages import Done, Lacking, Loaded, Report, Spec
from attnasr_cli.errors import AttnasrError, ClusterError
from attnasr_cli.recognize.jobs import Job, Part, Skip
from attnasr_cli.recognize.places import survey
from attnasr_cli.version import __version__

if TYPE_CHECKING:
    from attnasr_cli.families.base import Decoded, SegmentDecoder
    from attnasr_cli.recognize.recognizer import Recognizer


class Worker:
    """One recogniser on its device."""

    def __init__(self) -> None:
        self.recognizer: Recognizer | None = None
        self.threads = 1
        self.name = f"{socket.gethostname()}:{os.getpid()}"

    def load(self, spec: Spec) -> Loaded | Lacking | AttnasrError:
        """Load the model if this machine has it."""
        try:
            path = self._find(spec)
            return Lacking(self.name) if path is None else self._load(spec, path)
        except AttnasrError as problem:
            return problem

    def receive(
        self, spec: Spec, files: Sequence[str], *contents: bytes
    ) -> Loaded | Lacking | AttnasrError:
        """Store a model that was sent, and load it."""
        path = Path(spec.path)
        try:
            return self._load(spec, ship.keep(path, spec.key, files, contents))
        except AttnasrError as problem:
            return problem

    def _find(self, spec: Spec) -> Path | None:
        if spec.version != __version__:
            raise ClusterError(
                f"worker {self.name} has attnasr {__version__}, and this is {spec.version}",
                "install the same version on all machines",
            )
        return ship.find(Path(spec.path), spec.key)

    def _load(self, spec: Spec, path: Path) -> Loaded:
        from attnasr_cli.device import keep_freed_memory
        from attnasr_cli.recognize.recognizer import load

        keep_freed_memory()
        self.threads = spec.threads
        self._one_share()
        options = {"jobs": max(spec.threads, 2)} | dict(spec.options)
        loaded = load(path, spec.device, spec.dtype, shown=spec.name, **options)
        lock = threading.Lock()
        self.recognizer = loaded.wrapped(lambda decoder: OneAtATime(decoder, lock))
        return Loaded(
            self.name,
            self.recognizer.about(),
            "; ".join(placement.reason for placement in loaded.placements),
            loaded.batch_s,
            loaded.cut.max_s,
            loaded.sequential,
        )

    def _one_share(self) -> None:
        """Use no more threads than the worker has cores. The setting of torch holds for the calling
        thread only."""
        import torch

        torch.set_num_threads(self.threads)

    def run(self, jobs: Sequence[Job]) -> Report:
        """Transcribe recordings, or given segments of them."""
        assert self.recognizer is not None
        self._one_share()
        started = time.monotonic()
        done = [Done(check=job.check) for job in jobs]
        try:
            for event in self.recognizer.events(jobs, ordered=False):
                if isinstance(event, Part):
                    done[event.result.number].outcomes.append((event.place, event.outcome))
                    continue
                one = done[event.number]
                one.parts, one.uncovered = event.parts, event.uncovered
                one.duration_s, one.warnings = event.duration_s, event.warnings
                one.error, one.skipped = event.error, event.skipped
                one.unseen = event.error is not None and not Path(event.job.path).exists()
                if jobs[event.number].places is None:
                    one.outcomes = []  # the parts say it all
        except AttnasrError as problem:
            return Report([], time.monotonic() - started, problem)
        return Report(done, time.monotonic() - started)

    def survey(self, jobs: Sequence[Job]) -> Report:
        """Cut one long recording and return the places of its segments, which any worker may
        decode."""
        assert self.recognizer is not None
        self._one_share()
        started = time.monotonic()
        [job] = jobs
        done = Done(check=job.check)
        try:
            job.check.before()
            found = survey(job, self.recognizer.cut)
            job.check.after()
            done.places, done.duration_s = found.places, found.duration_s
            done.warnings = found.warnings
        except Skip:
            done.skipped = True
        except AttnasrError as problem:
            done.error, done.unseen = problem, not Path(job.path).exists()
        except Exception as problem:  # one strange file must not stop the others
            text = f"{job.shown}: {type(problem).__name__}: {problem}"
            done.error = AttnasrError(text, "please report this recording")
        return Report([done], time.monotonic() - started)


class OneAtATime:
    """A decoder that several threads share, one at a time."""

    def __init__(self, decoder: SegmentDecoder, lock: threading.Lock) -> None:
        self.decoder, self.lock = decoder, lock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.decoder, name)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """Decode segments once no other thread does."""
        with self.lock:
            return self.decoder.decode(segments)
