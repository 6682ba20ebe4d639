"""Where transcripts go: stdout, or files in an output folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from attnasr_cli import console
from attnasr_cli.errors import UsageError
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.output.formats import Format, to_json
from attnasr_cli.recognize.jobs import Part
from attnasr_cli.recognize.stitch import Stitcher, mark, shifted
from attnasr_cli.recognize.transcript import Transcript
from attnasr_cli.transcribe.inputs import printable
from attnasr_cli.transcribe.plan import Task

if TYPE_CHECKING:
    from attnasr_cli.transcribe.journal import Journal
    from attnasr_cli.transcribe.remote_journal import RemoteJournal


class Sink(Protocol):
    """Takes segments and transcripts as they are done."""

    ordered: bool
    """whether it wants recordings in order of the tasks, and segments in the order of time"""

    def part(self, task: Task, part: Part) -> None:
        """Take a segment of an unfinished recording."""

    def take(self, task: Task, transcript: Transcript) -> None:
        """Take the transcript of a finished recording."""

    def close(self) -> None:
        """Called after the last recording, also when the run was interrupted."""


class ToStdout:
    """Writes transcripts in one format to stdout, in order. Texts of several recordings are one
    line each, after the name of the recording and a tab; several JSON objects make an array. A
    format that can be written segment by segment is shown as soon as each is decoded."""

    ordered = True

    def __init__(self, kind: Format, cues: CueConfig, several: bool) -> None:
        if several and not kind.joins:
            raise UsageError(
                f"{kind.name} of several recordings cannot stand in one stream",
                "write files with --output-dir DIR",
            )
        self.kind, self.cues, self.several = kind, cues, several
        self.count = 0
        self.line = kind.line if not (several and kind.name == "txt") else None
        self.begun: tuple[Task, Stitcher] | None = None  # what segments were shown of
        self.stitcher: Callable[[float], Stitcher] = Stitcher

    def part(self, task: Task, part: Part) -> None:
        if self.line is None:
            return
        if self.begun is None or self.begun[0] is not task:
            self.begun = task, self.stitcher(task.job.start_s or 0.0)
            _show(self.kind.head)
        lacking = shifted(part.outcome.uncovered, task.job.start_s or 0.0)
        for segment in mark(self.begun[1].push(part.outcome.parts), lacking):
            _show(self.line(segment, task.job.shown, task.job.channel))

    def take(self, task: Task, transcript: Transcript) -> None:
        self.count += 1
        if self.several and self.kind.name == "txt":
            name = printable(transcript.file)
            if transcript.channel is not None:
                name += f":{transcript.channel}"
            console.result(f"{name}\t{' '.join(transcript.text.split())}")
        elif self.several and self.kind.name == "json":
            table = to_json(transcript.to_json(), indent=2)
            console.result(("[\n" if self.count == 1 else ",\n") + table)
        elif self.begun is None or self.begun[0] is not task:
            _show(self.kind.render(transcript, self.cues))

    def close(self) -> None:
        if self.several and self.kind.name == "json":
            console.result("]" if self.count else "[]")


def _show(text: str) -> None:
    if text:
        console.result(text.removesuffix("\n"))


class ToFolder:
    """Writes every format as a file as soon as a recording is done, and stores the segments of
    unfinished recordings for a later run."""

    ordered = False

    def __init__(
        self, journal: Journal | RemoteJournal, formats: Sequence[Format], cues: CueConfig
    ) -> None:
        self.journal, self.formats, self.cues = journal, formats, cues

    def part(self, task: Task, part: Part) -> None:
        if part.new and task.parts_key and part.place[1]:
            self.journal.keep(task.parts_key, part.place, part.outcome)

    def take(self, task: Task, transcript: Transcript) -> None:
        outputs: dict[str, tuple[str, bytes]] = {}
        for kind in self.formats:
            output = f"{task.stem}.{kind.ending}"
            content = kind.render(transcript, self.cues).encode("utf-8", "replace")
            outputs[output] = (task.keys.get(output, ""), content)
        self.journal.write(task.name, task.stem, outputs)
        if task.parts_key:
            self.journal.parts.drop(task.parts_key)

    def close(self) -> None:
        pass
