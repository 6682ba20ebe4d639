"""Plans the work: for each recording a job for the recogniser, and where its outputs go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from attnasr_cli import remote
from attnasr_cli.audio.load import probe
from attnasr_cli.errors import AttnasrError
from attnasr_cli.output.formats import Format
from attnasr_cli.recognize.jobs import Job
from attnasr_cli.transcribe.check import FolderCheck, KeyFacts
from attnasr_cli.transcribe.inputs import Input
from attnasr_cli.transcribe.options import InputOptions
from attnasr_cli.transcribe.outputs import assign

if TYPE_CHECKING:
    from attnasr_cli.transcribe.journal import Journal
    from attnasr_cli.transcribe.remote_journal import RemoteJournal


@dataclass
class Task:
    """One job and its place in the output folder."""

    job: Job
    name: str
    """of the recording in the journal; with its channel, if there are several"""
    stem: str
    """of the outputs, without the format's ending"""
    check: FolderCheck | None = None
    """the check of the job; None where results go to stdout"""

    @property
    def keys(self) -> dict[str, str]:
        """Output path → key of what it is made from; known once the recording has been hashed."""
        return self.check.keys if self.check is not None else {}

    @property
    def parts_key(self) -> str:
        """The key of its stored segments; empty until the recording has been hashed."""
        return self.check.parts_key if self.check is not None else ""


class Planner:
    """Turns inputs into tasks. The journal is None where results go to stdout."""

    def __init__(
        self,
        wanted: InputOptions,
        overwrite: bool,
        formats: Sequence[Format],
        journal: Journal | RemoteJournal | None,
        facts: KeyFacts,
    ) -> None:
        self.wanted, self.overwrite, self.formats = wanted, overwrite, formats
        self.journal, self.facts = journal, facts
        self.part: dict[str, Any] = {
            key: getattr(wanted, key) for key in ("start", "end", "salvage")
        }
        self.track = track_of(wanted.audio_track)
        if self.track is not None:  # without it keys are those of runs before there was a choice
            self.part["audio_track"] = self.track
        self.stems: dict[PurePath, PurePath] = {}

    def plan(self, inputs: Iterable[Input]) -> list[Task]:
        """The tasks for a set of inputs: one for each input, or for each of its channels."""
        items = list(inputs)
        self._name([item.name for item in items if item.name not in self.stems])
        return [task for item in items for task in self._tasks(item)]

    def follow(self, inputs: Iterator[Input | None]) -> Iterator[Task | None]:
        """Tasks for inputs that appear one by one."""
        for item in inputs:
            if item is None:
                yield None
            else:
                yield from self.plan([item])

    def _name(self, names: list[PurePath]) -> None:
        taken = dict(self.journal.stems()) if self.journal is not None else {}
        taken |= {str(stem): str(name) for name, stem in self.stems.items()}
        self.stems |= assign(names, taken)

    def _tasks(self, item: Input) -> Iterator[Task]:
        stem = self.stems[item.name]
        for channel in self._channels(item.path):
            several = self.wanted.split_channels
            ending = f".ch{channel}" if several else ""
            task = Task(
                Job(
                    item.path,
                    channel,
                    self.wanted.start,
                    self.wanted.end,
                    self.wanted.salvage,
                    item.shown,
                    audio_track=self.track,
                    size=item.size,
                ),
                str(item.name) + ending,
                str(stem.with_name(stem.name + ending)),
            )
            if self.journal is not None:
                task.check = FolderCheck(
                    task.name,
                    task.stem,
                    task.job.path,
                    task.job.shown,
                    tuple(kind.name for kind in self.formats),
                    self.facts,
                    self.part | {"channel": channel},
                    self.overwrite,
                    self.journal,
                )
                task.job = replace(task.job, check=task.check)
            yield task

    def _channels(self, path: Path | str) -> Sequence[int | None]:
        if not self.wanted.split_channels:
            return [self.wanted.channel]
        try:
            return range(1, probe(path, self.track).channels + 1)
        except AttnasrError:
            return [None]  # reading it will say what is wrong


def track_of(text: str | None) -> int | str | None:
    """The value of ``--audio-track``: a number from 1, or a language."""
    if text is None:
        return None
    return int(text) if text.isdecimal() else text


def durations(tasks: Sequence[Task]) -> Callable[[Path], float | None]:
    """A function that gives the length in seconds of the part of a recording to transcribe, by its
    header; None if unknown."""
    parts = {Path(task.job.path): task.job for task in tasks}

    def duration(path: Path) -> float | None:
        try:
            job = parts[path]
            if remote.is_url(job.path):
                return None  # it would have to be fetched
            total = probe(path, job.audio_track).duration_s
        except AttnasrError:
            return None
        if total is None:
            return None
        end = min(total, job.end_s) if job.end_s is not None else total
        return max(end - (job.start_s or 0.0), 0.0)

    return duration
