"""Messages between the driver and its workers: plain values, none of Ray's types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.base import Decoded
from attnasr_cli.recognize.jobs import Check, Place, SegmentResult, Span
from attnasr_cli.recognize.stitch import About


@dataclass(frozen=True)
class Spec:
    """The recogniser that every worker is to hold."""

    name: str
    """of the model, as messages call it"""
    path: str
    """where the driver has it"""
    key: str
    """hash of its content"""
    device: str
    dtype: str
    options: Mapping[str, Any]
    threads: int
    """cores of a worker"""
    version: str
    """of attnasr"""


@dataclass(frozen=True)
class Lacking:
    """The worker does not have the model, which must be sent."""

    host: str


@dataclass(frozen=True)
class Loaded:
    """A worker has loaded the model and is ready."""

    worker: str
    """host and process"""
    about: About
    reasons: str
    """why that device and precision"""
    batch_s: float
    longest_s: float
    """the longest segment in seconds"""
    sequential: bool
    """whether recordings are decoded whole"""


@dataclass
class Done:
    """The result of one recording, or of some segments of it."""

    outcomes: list[tuple[tuple[int, int], SegmentResult]] = field(default_factory=list)
    """(place of a segment, its result), in the order of time"""
    parts: list[tuple[float, Decoded]] = field(default_factory=list)
    """the same as a result has it"""
    uncovered: list[Span] = field(default_factory=list)
    places: Sequence[Place] | None = None
    """places of the segments, if it was only cut"""
    duration_s: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: AttnasrError | None = None
    skipped: bool = False
    unseen: bool = False
    """the file does not exist on the worker's machine"""
    check: Check = field(default_factory=Check)
    """the check, with what it found out about the recording"""


@dataclass(frozen=True)
class Report:
    """The result of a chunk."""

    done: list[Done]
    seconds: float
    """seconds of work"""
    problem: AttnasrError | None = None
    """an error that concerns model or options, which ends the run"""
