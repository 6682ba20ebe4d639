"""The interface of readers of recordings, and their results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from attnasr_cli.audio.sources.languages import same_language
from attnasr_cli.errors import AudioError

SALVAGE_HINT = "--salvage transcribes what can still be read"
MISSING_S = 0.2
"""a stream may end this much before the end that it promises; encoders pad and trim"""
RATES_HZ = (1_000, 1_000_000)
CHANNELS = 128
"""a header with more channels counts as damaged"""


@dataclass(frozen=True)
class Block:
    """A stretch of one rate and number of channels; both may change in the middle of a stream."""

    samples: npt.NDArray[np.float32]
    """(N, channels)"""
    rate_hz: int


@dataclass(frozen=True)
class Track:
    """One sound track of a film, or the only stream of a recording."""

    number: int
    """from 1"""
    language: str
    """as the container says it, often three letters; "" where it does not"""
    codec: str
    rate_hz: int
    channels: int
    title: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.number), self.language, self.title)))


@dataclass
class Probe:
    """The properties of a recording by its headers, and warnings from reading it."""

    duration_s: float | None
    """by its header or FFmpeg's estimate: good for a progress bar; None where nothing is said"""
    rate_hz: int
    channels: int
    format: str
    warnings: list[str] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    track: int = 1
    """the one that is read"""


class Source(Protocol):
    """A reader of one recording."""

    probe: Probe

    def skip(self, samples: int) -> int:
        """Skip up to ``samples`` samples before reading; returns how many were skipped."""

    def read(self) -> Iterator[Block]:
        """Blocks from there to the end."""

    def close(self) -> None: ...


def choose_track(tracks: list[Track], wanted: int | str | None, name: str) -> Track:
    """The track of a number or language. Raises AudioError where there is none."""
    if wanted is None:
        return tracks[0]
    if isinstance(wanted, int):
        found = [track for track in tracks if track.number == wanted]
    else:
        found = [track for track in tracks if same_language(track.language, wanted)]
        if not found and len(tracks) == 1 and not tracks[0].language:
            found = tracks  # the only one, of which nothing is known
    if not found:
        listed = "; ".join(map(str, tracks))
        raise AudioError(f"{name} has no sound track {wanted}", f"it has: {listed}")
    return found[0]


def check_format(name: str, rate_hz: int, channels: int) -> None:
    """Refuse what only a damaged header says. Raises AudioError."""
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise AudioError(
            f"{name} says a sampling rate of {rate_hz} Hz", "its header is damaged, or wrong"
        )
    if not 1 <= channels <= CHANNELS:
        raise AudioError(f"{name} says {channels} channels", "its header is damaged, or wrong")
