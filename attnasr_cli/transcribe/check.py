"""Decides whether a recording must be transcribed, by comparing its content and options with the
journal of the output folder.

It runs in the thread that reads the recording, or on another machine, where it has no journal but a
copy of the entries about this recording.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnasr_cli import remote
from attnasr_cli.audio.load import on_disk
from attnasr_cli.errors import AudioError, OutputError
from attnasr_cli.output.formats import FORMATS, Format
from attnasr_cli.recognize.jobs import Check, Known, Skip
from attnasr_cli.transcribe.journal import Past, content_key, key_of
from attnasr_cli.version import __version__

if TYPE_CHECKING:
    from attnasr_cli.transcribe.journal import Journal
    from attnasr_cli.transcribe.remote_journal import RemoteJournal


class ChangedError(AudioError):
    """A recording was modified while it was read, so that its text would match no version of it."""


@dataclass(frozen=True)
class KeyFacts:
    """Everything that texts depend on besides the audio."""

    model: str
    options: Mapping[str, Any]
    cues: Mapping[str, Any]

    def key(self, content: str, kind: Format, part: Mapping[str, Any]) -> str:
        """The key of one output, of the settings that change this format."""
        options = dict(self.options)
        if not kind.word_times:
            options.pop("word_timestamps", None)
            options.pop("align", None)
        facts: dict[str, Any] = {"model": self.model, "options": options, "part": part}
        if kind.cues:
            facts["cues"] = self.cues
        return key_of(content, facts)

    def parts_key(self, content: str, part: Mapping[str, Any]) -> str:
        """The key of stored segments, which does not depend on the format."""
        facts = {"version": __version__, "model": self.model, "options": self.options}
        return key_of(content, facts | {"part": part})


@dataclass
class FolderCheck(Check):
    """The check of one recording whose outputs go to a folder."""

    name: str
    """of the recording in the journal"""
    stem: str
    """of its outputs"""
    path: Path | str
    shown: str
    formats: tuple[str, ...]
    facts: KeyFacts
    part: Mapping[str, Any]
    """which part of the recording is meant"""
    overwrite: bool
    journal: Journal | RemoteJournal | None
    """None in another process"""
    past: Past | None = None
    """the journal's entries about it, for another process"""
    content: str = ""
    """hash of the recording, once computed"""
    state: tuple[int, ...] = ()
    keys: dict[str, str] = field(default_factory=dict)
    parts_key: str = ""

    def before(self) -> Known:
        """Raises Skip where the outputs exist already, OutputError where other files are in their
        place."""
        if remote.is_url(self.path):
            return self._before_remote(str(self.path))
        path = Path(self.path)
        if self.content:  # looked at before, as a part of it was decoded elsewhere
            with contextlib.suppress(OSError):
                before, self.state = self.state, _state(path)
                if self.state[1:] != before[1:]:
                    raise self._changed()
            return {}
        try:
            if not path.is_file():  # reading a pipe would never end
                return {}
            self.state = _state(path)
            self._made_of(content_key(path))
        except OSError:
            return {}  # reading it will say what is wrong
        return self._compared()

    def _before_remote(self, url: str) -> Known:
        content = remote.identity(url)
        if not content:  # its server does not say what it is
            with on_disk(url) as copy:
                content = content_key(copy)
        if self.content:
            if content != self.content:
                raise self._changed()
            return {}
        self._made_of(content)
        return self._compared()

    def _compared(self) -> Known:
        """Compare with the output folder; returns known segments."""
        if self.overwrite:
            if self.journal is not None:
                self.journal.parts.drop(self.parts_key)
            return {}
        past = self._past()
        if past.is_done(self.keys):
            raise Skip
        obstacle = past.in_the_way(self.keys)
        if obstacle:
            raise OutputError(obstacle, "--overwrite replaces it")
        return self._known()

    def after(self) -> None:
        """Raises ChangedError where the recording was modified while it was read."""
        if remote.is_url(self.path):
            said = remote.identity(str(self.path))
            if said and self.content and said != self.content:
                raise self._changed()
            return
        with contextlib.suppress(FileNotFoundError):  # removed, but read to its end
            if self.state and _state(Path(self.path)) != self.state:
                raise self._changed()

    def elsewhere(self) -> FolderCheck:
        """A copy for another process, self-contained and picklable."""
        return replace(self, journal=None, past=self._past())

    def adopt(self, other: Check) -> Known:
        """Take over what the copy found in another process; returns what ``before`` returns."""
        if not isinstance(other, FolderCheck) or not other.content:
            return {}
        self.state = other.state
        self._made_of(other.content)
        return {} if self.overwrite else self._known()

    def _made_of(self, content: str) -> None:
        self.content = content
        self.parts_key = self.facts.parts_key(content, self.part)
        for name in self.formats:
            output = f"{self.stem}.{FORMATS[name].ending}"
            self.keys[output] = self.facts.key(content, FORMATS[name], self.part)

    def _past(self) -> Past:
        outputs = [f"{self.stem}.{FORMATS[name].ending}" for name in self.formats]
        if self.journal is not None:
            return self.journal.past(self.name, outputs)
        assert self.past is not None
        return self.past

    def _known(self) -> Known:
        return self.journal.parts.read(self.parts_key) if self.journal is not None else {}

    def _changed(self) -> ChangedError:
        return ChangedError(
            f"{self.shown} was written to while it was read",
            "when it is complete, run the same command again",
        )


def _state(path: Path) -> tuple[int, ...]:
    """The file state that changes on writing; the inode comes first, which differs between
    machines."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
