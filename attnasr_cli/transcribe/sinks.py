"""Where transcripts go: stdout, or files in an output folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attnasr_cli import console
from attnasr_cli.errors import UsageError
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.output.formats import Format, to_json
from attnasr_cli.recognize.transcript import Transcript
from attnasr_cli.transcribe.inputs import printable
from attnasr_cli.transcribe.journal import Journal
from attnasr_cli.transcribe.plan import Task


class Sink(Protocol):
    """Takes transcripts as they are done."""

    def take(self, task: Task, transcript: Transcript) -> None: ...

    def close(self) -> None:
        """After the last one, also when the run was cut short."""


class ToStdout:
    """One format, one after the other. Texts of several recordings stand one a line, after the
    recording's name and a tab; several JSON objects make an array."""

    def __init__(self, kind: Format, cues: CueConfig, several: bool) -> None:
        if several and not kind.joins:
            raise UsageError(
                f"{kind.name} of several recordings cannot stand in one stream",
                "write files with --output-dir DIR",
            )
        self.kind, self.cues, self.several = kind, cues, several
        self.count = 0

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
        else:
            text = self.kind.render(transcript, self.cues)
            if text:
                console.result(text.removesuffix("\n"))

    def close(self) -> None:
        if self.several and self.kind.name == "json":
            console.result("]" if self.count else "[]")


class ToFolder:
    """Every format as a file of its own, written the moment that the recording is done."""

    def __init__(self, journal: Journal, formats: Sequence[Format], cues: CueConfig) -> None:
        self.journal, self.formats, self.cues = journal, formats, cues

    def take(self, task: Task, transcript: Transcript) -> None:
        outputs: dict[str, tuple[str, bytes]] = {}
        for kind in self.formats:
            output = f"{task.stem}.{kind.ending}"
            content = kind.render(transcript, self.cues).encode("utf-8", "replace")
            outputs[output] = (task.keys.get(output, ""), content)
        self.journal.write(task.name, task.stem, outputs)

    def close(self) -> None:
        pass
