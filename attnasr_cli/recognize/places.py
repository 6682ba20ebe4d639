"""Segments of a recording: how it is cut for a decoder and, where one process cuts and others
decode, their positions and the samples at given positions."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.segment import SegmentConfig, Segmenter, Speech
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import SegmentDecoder
from attnasr_cli.recognize.jobs import Job, Place
from attnasr_cli.recognize.reading import Reading

BLOCK_S = 10.0
WINDOW_GAP_S = 3.0
"""pauses up to this long are kept inside the windows of a net that pads each to its full length:
that costs nothing, and the words on both sides have context"""


def cutting(reading: Reading, decoder: SegmentDecoder, model: str) -> SegmentConfig:
    """How recordings are cut for a decoder of ``model``. Raises UsageError where segments are to be
    longer than what it sees at once."""
    longest = decoder.max_segment_s
    if reading.max_segment is not None and reading.max_segment > longest:
        raise UsageError(
            f"segments of {reading.max_segment} s", f"model {model} sees {longest} s at once"
        )
    length = longest if reading.max_segment is None else reading.max_segment
    return SegmentConfig(
        max_s=length,
        target_s=length,
        vad=reading.vad,
        threshold=reading.vad_threshold,
        max_gap_s=WINDOW_GAP_S if decoder.min_cost_s else SegmentConfig.max_gap_s,
        apart=bool(decoder.settings.get("phrases")),
    )


class Cutter(Protocol):
    """Cuts a recording, pushed in blocks, into segments."""

    def push(self, samples: Tensor) -> list[Speech]:
        """samples (N,) at 16 kHz → the segments that are complete by now, in order."""

    def finish(self) -> list[Speech]:
        """The rest, after the last sample."""


@dataclass(frozen=True)
class Survey:
    """The segments of a recording that was read and cut, but not decoded."""

    places: list[Place]
    duration_s: float
    warnings: list[str]


def survey(job: Job, cut: SegmentConfig) -> Survey:
    """Read and cut a whole recording. Raises AudioError."""
    segmenter, found, duration_s = Segmenter(cut), list[Speech](), 0.0
    places: list[Place] = []
    with job.opened() as recording:
        for block in recording.blocks(BLOCK_S):
            duration_s += block.shape[0] / SAMPLE_RATE_HZ
            found = segmenter.push(block)
            places += map(_place, found)
        places += map(_place, segmenter.finish())
        return Survey(places, duration_s, list(recording.probe.warnings))


def _place(speech: Speech) -> Place:
    first = round(speech.start_s * SAMPLE_RATE_HZ)
    return Place(first, speech.samples.shape[0], speech.spoken)


class Placed:
    """Cuts a recording at known positions: the same segments, bit for bit."""

    def __init__(self, places: Sequence[Place]) -> None:
        """places: in the order of time."""
        self.waiting = deque(places)
        self.buffer = torch.zeros(0)
        self.origin = 0
        """position of the buffer's first sample"""

    @property
    def done(self) -> bool:
        """Whether nothing more needs to be read."""
        return not self.waiting

    def push(self, samples: Tensor) -> list[Speech]:
        """samples (N,) at 16 kHz → the segments that are complete by now, in order."""
        self.buffer = torch.cat([self.buffer, samples])
        found: list[Speech] = []
        while self.waiting:
            place = self.waiting[0]
            start = place.first - self.origin
            if start + place.count > self.buffer.shape[0]:
                break
            part = self.buffer[start : start + place.count].clone()
            found.append(Speech(place.first / SAMPLE_RATE_HZ, part, place.spoken))
            self.waiting.popleft()
        end = self.origin + self.buffer.shape[0]
        needed = min((place.first for place in self.waiting), default=end)
        drop = min(max(needed - self.origin, 0), self.buffer.shape[0])
        self.buffer, self.origin = self.buffer[drop:].clone(), self.origin + drop
        return found

    def finish(self) -> list[Speech]:
        """An empty list, as ``push`` has returned every segment."""
        return []
