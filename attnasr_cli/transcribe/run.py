"""A run of ``attnasr transcribe``: transcribes every recording, whatever happens to the others."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attnasr_cli import console
from attnasr_cli.errors import AttnasrError, OutputError
from attnasr_cli.files import write_text
from attnasr_cli.recognize.jobs import Part
from attnasr_cli.recognize.meter import Meter
from attnasr_cli.recognize.transcript import NO_TEXT
from attnasr_cli.transcribe.check import ChangedError
from attnasr_cli.transcribe.inputs import listed, printable
from attnasr_cli.transcribe.journal import FolderError
from attnasr_cli.transcribe.plan import Task, durations
from attnasr_cli.transcribe.progress import Progress, clock
from attnasr_cli.transcribe.sinks import Sink

if TYPE_CHECKING:
    from attnasr_cli.recognize.jobs import Job, Result
    from attnasr_cli.recognize.transcript import Transcript

SUSPECTS_SHOWN = 3


@dataclass
class Outcome:
    """The outcome of a run: counts, failures and times."""

    done: int = 0
    skipped: int = 0
    failures: list[tuple[Task, AttnasrError]] = field(default_factory=list)
    audio_s: float = 0.0
    seconds: float = 0.0
    told: bool = False
    """whether failures were printed when they happened"""


class Transcriber(Protocol):
    """A recogniser, here or on a cluster."""

    def events(
        self, jobs: Iterable[Job | None], meter: Meter | None = None, ordered: bool = True
    ) -> Iterator[Part | Result]:
        """As ``Recognizer.events``."""

    def transcript(self, result: Result) -> Transcript:
        """The transcript of a result without an error."""


class Run:
    """Takes tasks through a recogniser and hands the transcripts to a sink."""

    def __init__(
        self, recognizer: Transcriber, sink: Sink, status: Callable[[], str] | None = None
    ) -> None:
        """status: gives the end of the progress line."""
        self.recognizer, self.sink, self.status = recognizer, sink, status
        self.outcome = Outcome()
        self.meter = Meter()

    def run(self, tasks: Iterable[Task | None], known: list[Task] | None) -> Outcome:
        """``known``: all tasks, where they do not come one by one.

        Raises FolderError where nothing more can be written, and KeyboardInterrupt on Ctrl-C;
        what is finished by then is kept, and ``outcome`` says what it is.
        """
        waiting: dict[int, Task] = {}  # by number of the job
        self.outcome.told = known is None

        def jobs() -> Iterator[Job | None]:
            number = itertools.count()
            for task in tasks:
                if task is not None:
                    waiting[next(number)] = task
                yield None if task is None else task.job

        started = time.monotonic()
        events = self.recognizer.events(jobs(), self.meter, self.sink.ordered)
        files = len(known) if known is not None else None
        with Progress(self.meter, files, self.status) as progress:
            if known is not None:
                paths = list(dict.fromkeys(Path(w.job.path) for w in known))
                progress.measure(paths, durations(known))
            try:
                for event in events:
                    if isinstance(event, Part):
                        with progress.paused() if self.sink.ordered else nullcontext():
                            self.sink.part(waiting[event.result.number], event)
                        continue
                    task = waiting.pop(event.number)
                    progress.current = next(iter(waiting.values())).job.shown if waiting else ""
                    self._take(task, event, progress)
                    progress.done += 1
            finally:
                close = getattr(events, "close", None)
                if close is not None:
                    close()
                self.outcome.seconds = time.monotonic() - started
        return self.outcome

    def _take(self, task: Task, result: Result, progress: Progress) -> None:
        outcome = self.outcome
        if outcome.told:  # a recording that has changed comes again: the last time counts
            outcome.failures = [(t, p) for t, p in outcome.failures if t.name != task.name]
        if result.skipped:
            outcome.skipped += 1
            return
        problem = result.error
        if problem is None:
            transcript = self.recognizer.transcript(result)
            try:
                with progress.paused():
                    self.sink.take(task, transcript)
                    _remark(transcript)
            except FolderError:
                raise
            except OutputError as refused:
                problem = refused
        if problem is None:
            outcome.done += 1
            outcome.audio_s += result.duration_s
        else:
            self._fail(task, problem, progress)

    def _fail(self, task: Task, problem: AttnasrError, progress: Progress) -> None:
        outcome = self.outcome
        if outcome.told and isinstance(problem, ChangedError):
            console.note(f"{printable(problem.message)}: it is read again")
            return
        outcome.failures.append((task, problem))
        if outcome.told:  # the table at the end may never come
            with progress.paused():
                console.error(printable(problem.message), problem.hint)


def _remark(transcript: Transcript) -> None:
    """Warn about parts of a transcript that may be wrong."""
    name = printable(transcript.file)
    for warning in transcript.warnings:
        console.warn(printable(warning))
    if transcript.uncovered:
        console.warn(f"{name}: speech without text at {_times(transcript.uncovered)}")
    doubtful = [s for s in transcript.segments if s.suspect and not s.suspect.startswith(NO_TEXT)]
    for segment in doubtful[:SUSPECTS_SHOWN]:
        times = f"{clock(segment.start)} to {clock(segment.end)}"
        console.note(f"{name}, {times}: may be wrong, {segment.suspect}")
    if len(doubtful) > SUSPECTS_SHOWN:
        console.note(f"{name}: {len(doubtful) - SUSPECTS_SHOWN} more parts that may be wrong")


def _times(spans: Sequence[tuple[float, float]]) -> str:
    shown = [f"{clock(start)} to {clock(end)}" for start, end in spans[:SUSPECTS_SHOWN]]
    more = len(spans) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def report(outcome: Outcome, failures_file: str | None) -> int:
    """Failures as a table and a list, a line of figures, and the exit code."""
    if failures_file is not None:
        lines: list[str] = []
        for task, problem in outcome.failures:
            reason = printable(problem.message)
            path = str(task.job.path)
            if not lines or lines[-1] != listed(path) + "\n":  # two channels of one recording
                lines += [f"# {reason}\n", listed(path) + "\n"]
        write_text(Path(failures_file), "".join(lines))
    total = outcome.done + outcome.skipped + len(outcome.failures)
    if total == 1 and outcome.failures and not outcome.told:
        [(_, problem)] = outcome.failures
        console.error(printable(problem.message), problem.hint)
        return 1
    if outcome.failures and not outcome.told:
        _table(outcome)
    if total > 1:
        console.note(summary(outcome))
    return 1 if outcome.failures else 0


def summary(outcome: Outcome) -> str:
    """One line of figures."""
    parts = [f"{outcome.done} transcribed"]
    if outcome.skipped:
        parts.append(f"{outcome.skipped} done before")
    if outcome.failures:
        parts.append(f"{len(outcome.failures)} failed")
    speed = outcome.audio_s / max(outcome.seconds, 1e-3)
    amount = (
        f"{outcome.audio_s / 3600:.2f} h" if outcome.audio_s >= 360 else f"{outcome.audio_s:.0f} s"
    )
    return (
        f"{', '.join(parts)}: {amount} of audio in {clock(outcome.seconds)} "
        f"({speed:.1f}x real time)"
    )


def _table(outcome: Outcome) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{len(outcome.failures)} failed", title_justify="left")
    table.add_column("recording", overflow="fold")
    table.add_column("reason", overflow="fold")
    table.add_column("hint", overflow="fold")
    for task, problem in outcome.failures:
        name = printable(task.job.shown)
        reason = printable(problem.message)
        for prefix in (f"{name}: ", f"{name} "):
            reason = reason.removeprefix(prefix)
        table.add_row(Text(name), Text(reason), Text(problem.hint))
    console.table(table)
