"""What is to be done for each recording: a job for the recogniser, and where its outputs go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from attnasr_cli import __version__
from attnasr_cli.audio.load import probe
from attnasr_cli.errors import AttnasrError, AudioError, OutputError
from attnasr_cli.output.formats import Format
from attnasr_cli.recognize.jobs import Job, Known, Skip
from attnasr_cli.transcribe.inputs import Input
from attnasr_cli.transcribe.journal import Journal, content_key, key_of
from attnasr_cli.transcribe.options import InputOptions
from attnasr_cli.transcribe.outputs import assign

HEAD = 1 << 20  # bytes of a model's file that count, at each of its ends


class ChangedError(AudioError):
    """A recording was written to while it was read: its text would be of no version of it."""


@dataclass
class Task:
    """One job and its place in the output folder."""

    job: Job
    name: str
    """of the recording in the journal; with its channel, if there are several"""
    stem: str
    """of the outputs, without the format's ending"""
    keys: dict[str, str] = field(default_factory=dict)
    """output path → what it will be made of; known once the recording has been looked at"""
    parts_key: str = ""
    """what the texts of its segments depend on; known as late"""


@dataclass(frozen=True)
class KeyFacts:
    """What texts depend on beside the audio."""

    model: str
    options: Mapping[str, Any]
    cues: Mapping[str, Any]

    def key(self, content: str, kind: Format, part: Mapping[str, Any]) -> str:
        """The key of one output: only what changes this format counts."""
        options = dict(self.options)
        if not kind.word_times:
            options.pop("word_timestamps", None)
            options.pop("align", None)
        facts: dict[str, Any] = {"model": self.model, "options": options, "part": part}
        if kind.cues:
            facts["cues"] = self.cues
        return key_of(content, facts)

    def parts_key(self, content: str, part: Mapping[str, Any]) -> str:
        """The key of segments, of whatever format they will be."""
        facts = {"version": __version__, "model": self.model, "options": self.options}
        return key_of(content, facts | {"part": part})


class Planner:
    """Turns inputs into tasks. The journal is None where results go to stdout."""

    def __init__(
        self,
        wanted: InputOptions,
        overwrite: bool,
        formats: Sequence[Format],
        journal: Journal | None,
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
        """Tasks for inputs that are known together: one for each, or for each of its channels."""
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
                ),
                str(item.name) + ending,
                str(stem.with_name(stem.name + ending)),
            )
            if self.journal is not None:
                task.job = self._checked(task, self.journal)
            yield task

    def _channels(self, path: Path) -> Sequence[int | None]:
        if not self.wanted.split_channels:
            return [self.wanted.channel]
        try:
            return range(1, probe(path, self.track).channels + 1)
        except AttnasrError:
            return [None]  # reading it will say what is wrong

    def _checked(self, task: Task, journal: Journal) -> Job:
        """The job with a look at what is there already, in the thread that reads it."""
        job, part = task.job, self.part | {"channel": task.job.channel}
        overwrite = self.overwrite

        path = Path(job.path)
        seen: list[tuple[int, ...]] = []

        def before() -> Known:
            try:
                if not path.is_file():  # reading a pipe would never end
                    return {}
                seen.append(_state(path))
                content = content_key(path)
            except OSError:
                return {}  # reading it will say what is wrong
            task.parts_key = self.facts.parts_key(content, part)
            for kind in self.formats:
                output = f"{task.stem}.{kind.ending}"
                task.keys[output] = self.facts.key(content, kind, part)
            if overwrite:
                journal.parts.drop(task.parts_key)
                return {}
            if journal.is_done(task.name, task.keys):
                raise Skip
            obstacle = journal.in_the_way(task.name, task.keys)
            if obstacle:
                raise OutputError(obstacle, "--overwrite replaces it")
            return journal.parts.read(task.parts_key)

        def after() -> None:
            with contextlib.suppress(FileNotFoundError):  # removed, but read to its end
                if seen and _state(path) != seen[0]:
                    raise ChangedError(
                        f"{job.shown} was written to while it was read",
                        "when it is complete, run the same command again",
                    )

        return replace(job, before=before, after=after)


def track_of(text: str | None) -> int | str | None:
    """What ``--audio-track`` means: a number from 1, or a language."""
    if text is None:
        return None
    return int(text) if text.isdecimal() else text


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def model_key(path: Path, *more: Path) -> str:
    """What a model is, from its files and those given beside it: up to 2 MB whole, of larger ones
    size, head and tail."""
    import hashlib

    digest = hashlib.sha256()
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in (*files, *more):
        if file in files and (
            file.suffix.lower() in (".md", ".part") or "train" in file.relative_to(path).parts[:1]
        ):
            continue  # the card and the state of training do not change a text
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as content:
            digest.update(content.read(HEAD))
            content.seek(max(size - HEAD, HEAD))
            digest.update(content.read())
    return digest.hexdigest()


def durations(tasks: Sequence[Task]) -> Callable[[Path], float | None]:
    """A function that tells how long a recording's part is, by its header; None if unknown."""
    parts = {Path(task.job.path): task.job for task in tasks}

    def duration(path: Path) -> float | None:
        try:
            job = parts[path]
            total = probe(path, job.audio_track).duration_s
        except AttnasrError:
            return None
        if total is None:
            return None
        end = min(total, job.end_s) if job.end_s is not None else total
        return max(end - (job.start_s or 0.0), 0.0)

    return duration
