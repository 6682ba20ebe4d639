"""Joins the segments of a recording from several workers in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.cluster.messages import Done
from attnasr_cli.recognize.jobs import Known, Part, Place, Result, SegmentResult

STRETCHES = 16
"""the most stretches of one recording; each worker reads it again from the beginning"""


@dataclass(eq=False)
class Open:
    """A recording whose result is not given back yet."""

    result: Result
    places: Sequence[Place] = ()
    """places of its segments, once it has been cut; empty where it was not"""
    outcomes: dict[tuple[int, int], SegmentResult] = field(default_factory=dict)
    old: frozenset[tuple[int, int]] = frozenset()
    """places known from an earlier run"""
    shown: int = 0
    """how many of the places have been given as parts"""
    given_back: bool = False

    def whole(self, done: Done) -> None:
        """Take the result of a recording that one worker decoded whole."""
        result = self.result
        result.parts, result.uncovered = done.parts, done.uncovered
        self._read(done)
        result.complete = True

    def cut(self, done: Done, known: Known, stretch_s: float) -> list[list[Place]]:
        """Take the places of a recording that was cut; returns stretches of segments to decode,
        each of about ``stretch_s`` seconds of speech."""
        self._read(done)
        self.places = done.places or ()
        keys = {place.key for place in self.places}
        self.outcomes = {key: outcome for key, outcome in known.items() if key in keys}
        self.old = frozenset(self.outcomes)
        total_s = sum(place.count for place in self.places) / SAMPLE_RATE_HZ
        size = max(stretch_s, total_s / STRETCHES) * SAMPLE_RATE_HZ
        stretches: list[list[Place]] = []
        held = size
        for place in self.places:
            if place.key in self.outcomes:
                continue
            if held >= size:
                stretches.append([])
                held = 0.0
            stretches[-1].append(place)
            held += place.count
        return stretches

    def stretch(self, done: Done) -> None:
        """Take the results of some of its segments."""
        self.outcomes |= dict(done.outcomes)
        self.result.error = self.result.error or done.error

    def parts(self, ordered: bool, fresh: Sequence[tuple[int, int]]) -> Iterator[Part]:
        """Yield the parts that can be given now: ``fresh``, or, where ``ordered``, all that follow
        without a gap."""
        if not ordered:
            for key in fresh:
                yield Part(self.result, key, self.outcomes[key], key not in self.old)
            return
        while self.shown < len(self.places) and self.places[self.shown].key in self.outcomes:
            key = self.places[self.shown].key
            self.shown += 1
            yield Part(self.result, key, self.outcomes[key], key not in self.old)

    def finish(self) -> None:
        """Complete the result if all segments have arrived."""
        if self.result.error is None and len(self.outcomes) == len(self.places):
            for place in self.places:
                self.result.add(self.outcomes[place.key])
            self.result.complete = True

    def _read(self, done: Done) -> None:
        result = self.result
        result.duration_s, result.warnings = done.duration_s, done.warnings
        result.error, result.skipped = done.error, done.skipped
