"""Inspects a recording by reading all of it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from attnasr_cli.audio.containers.extent import examine
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.load import Recording, on_disk, open_recording
from attnasr_cli.audio.sources.types import Track
from attnasr_cli.data import STDIN
from attnasr_cli.errors import AudioError
from attnasr_cli.files import display_name


@dataclass
class TrackReport:
    """One sound track after it was read."""

    track: Track
    seconds: float = 0.0
    """seconds of sound that were decoded"""
    warnings: list[str] = field(default_factory=list)
    problem: AudioError | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.track), "duration_s": round(self.seconds, 3)}


@dataclass
class Inspection:
    """The result of inspecting a recording."""

    container: str
    parts: int
    """recordings that were joined end to end; 1 for an ordinary one"""
    size_bytes: int
    tracks: list[TrackReport]
    default_track: int

    @property
    def warnings(self) -> list[str]:
        """Of all tracks, each once."""
        return list(dict.fromkeys(text for report in self.tracks for text in report.warnings))

    @property
    def problems(self) -> list[AudioError]:
        """One for each reason."""
        found = {r.problem.message: r.problem for r in self.tracks if r.problem is not None}
        return list(found.values())


def inspect(path: str | Path) -> Inspection:
    """Read every track of a recording, or of stdin (``-``) or what is at an address, to its end.
    Raises AudioError where it cannot be opened."""
    name, short = display_name(path), display_name(os.path.basename(path))
    if name == STDIN:
        name = short = "stdin"
    with on_disk(path) as local:
        source = open_recording(local, name=name, headers_only=True)
        source.close()
        opened = source.probe
        reports = [_read(local, short, track) for track in opened.tracks]
        size = local.stat().st_size
        return Inspection(opened.format, len(examine(local)), size, reports, opened.track)


def _read(path: Path, name: str, track: Track) -> TrackReport:
    report = TrackReport(track)
    try:
        with Recording(path, name=name, track=track.number) as recording:
            try:
                for block in recording.blocks(0.5):
                    report.seconds += block.shape[0] / SAMPLE_RATE_HZ
            finally:
                report.warnings = recording.probe.warnings
    except AudioError as problem:
        report.problem = problem
    return report
