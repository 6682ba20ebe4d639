"""Cuts samples, pushed in blocks, into segments of speech at pauses, no longer than a net accepts.

A pause of ``min_silence_s`` ends a stretch of speech. Stretches that lie close together are joined
up to ``target_s``, so that the net has context; one that is longer than ``max_s`` is cut at its
quietest point. Memory is bounded by one segment and one block, however long the recording is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.vad import WINDOW, VoiceDetector
from attnasr_cli.errors import UsageError

APART_S = 0.6  # a longer pause stands between two commands
AUDIBLE = 1.0e-6  # mean square: -60 dB of full scale
LOUDER = 2.0  # 3 dB; windows of noise differ by 1 to 2 dB, words cut out tightly by 4 and more


@dataclass(frozen=True)
class SegmentConfig:
    """The settings for cutting recordings."""

    max_s: float = 30.0
    """the longest segment"""
    target_s: float = 30.0
    """neighbours are joined up to this length"""
    vad: bool = True
    """false: everything counts as speech, and cuts are only made at quiet points"""
    threshold: float = 0.5
    """probability from which a window is speech"""
    release: float = 0.35
    """probability below which speech may have ended"""
    min_speech_s: float = 0.1
    """shorter bursts are dropped"""
    min_silence_s: float = 0.3
    """a pause this long ends a stretch of speech"""
    max_gap_s: float = 1.5
    """stretches further apart are not joined"""
    pad_s: float = 0.5
    """audio kept before and after speech, as words begin and end quietly"""
    edge_s: float = 2.5
    """audio kept before the first and after the last speech of a recording"""
    short_s: float = 3.0
    """a recording up to this length with a sound in it becomes one segment even if no speech is
    detected, as single words are often too short for the detector"""

    apart: bool = False
    """each segment is one utterance, such as a command: only speech with pauses below APART_S is
    joined, and no part of it is decoded again"""

    def __post_init__(self) -> None:
        if self.max_s < 1.0:
            raise UsageError(f"segments of {self.max_s} s are too short", "use at least 1 s")
        if not 0.0 < self.threshold < 1.0:
            raise UsageError(f"a speech threshold of {self.threshold}", "use one between 0 and 1")


@dataclass(frozen=True)
class Speech:
    """A segment: samples (N,) at 16 kHz and its start in seconds."""

    start_s: float
    samples: Tensor
    spoken: tuple[tuple[float, float], ...] = ()
    """(start, end) of detected speech in it, in seconds of the recording; empty where there was no
    detection"""

    @property
    def duration_s(self) -> float:
        return self.samples.shape[0] / SAMPLE_RATE_HZ


class _Stretches:
    """Collects stretches of speech without cutting at them. Positions are samples."""

    def __init__(self, config: SegmentConfig) -> None:
        self.config, self.seen = config, 0
        self.found: list[tuple[int, int]] = []

    def push(self, probabilities: Tensor) -> None:
        """The next windows' probabilities of speech (n,)."""
        config = self.config
        pause = _samples(config.min_silence_s)
        for p in probabilities.tolist():
            start, self.seen = self.seen, self.seen + WINDOW
            goes_on = bool(self.found) and start - self.found[-1][1] < pause
            if p >= config.threshold and not goes_on:
                self.found.append((start, self.seen))
            elif goes_on and p >= config.release:
                self.found[-1] = (self.found[-1][0], self.seen)

    def between(self, start: int, end: int) -> list[tuple[int, int]]:
        """The stretches in a part of the recording; what lies before it is forgotten."""
        least = _samples(self.config.min_speech_s)
        parts = [(max(a, start), min(b, end)) for a, b in self.found]
        self.found = [(a, b) for a, b in self.found if b > end]
        return [(a, b) for a, b in parts if b - a >= least]


class Segmenter:
    """Cuts one recording. Positions are samples from its first one."""

    def __init__(self, config: SegmentConfig | None = None) -> None:
        self.config = config = config or SegmentConfig()
        self.detector = VoiceDetector()
        self.noted = None if config.vad else _Stretches(config)
        self.pad = _samples(config.pad_s) if config.vad else 0
        self.edge = _samples(config.edge_s) if config.vad else 0
        self.longest = max(_samples(config.max_s) - 2 * self.pad, WINDOW)
        self.target = min(max(_samples(config.target_s) - 2 * self.pad, WINDOW), self.longest)
        self.buffer = torch.zeros(0)
        self.origin = 0  # position of the buffer's first sample, a multiple of WINDOW
        self.energy: list[float] = []  # mean square of each window in the buffer
        self.total = 0  # samples pushed
        self.seen = 0  # samples in windows that were judged
        self.open: int | None = None  # where the speech that is going on began
        self.quiet_since: int | None = None  # where its end may have been
        self.group: list[tuple[int, int]] = []  # stretches that will be one segment
        self.last_end = 0  # end of the last segment given out

    def push(self, samples: Tensor) -> list[Speech]:
        """samples (N,) → the segments that are complete by now, in order."""
        self.buffer = torch.cat([self.buffer, samples])
        self.total += samples.shape[0]
        return self._walk(self._judged(self.detector.push(samples)))

    def finish(self) -> list[Speech]:
        """The rest, after the last sample."""
        found = self._walk(self._judged(self.detector.finish()))
        if self.open is not None:
            end = self.total if self.quiet_since is None else self.quiet_since
            self._close(min(end, self.total), found)
        if self.group:
            self._give(None, found, self.edge)
        if not self.last_end and self._is_short() and self._has_a_sound():
            found.append(Speech(0.0, self.buffer.clone()))
        return found

    def _is_short(self) -> bool:
        return self.total <= _samples(min(self.config.short_s, self.config.max_s))

    def _has_a_sound(self) -> bool:
        """Whether some windows are louder than others; silence, noise and hum have the same level
        throughout."""
        loudest = max(self.energy, default=0.0)
        full = self.energy[: max(self.total // WINDOW, 1)]
        return loudest > AUDIBLE and loudest > LOUDER * min(full, default=0.0)

    def _judged(self, probabilities: Tensor) -> Tensor:
        """The probabilities used for cutting: without voice detection all windows count as speech,
        and detected speech is only recorded."""
        if self.noted is None:
            return probabilities
        self.noted.push(probabilities)
        return torch.ones_like(probabilities)

    def _walk(self, probabilities: Tensor) -> list[Speech]:
        """Process the next windows, with one probability for each."""
        found: list[Speech] = []
        self._measure(probabilities.shape[0])
        silence = _samples(self.config.min_silence_s)
        gap = max(_samples(self.config.max_gap_s), self.edge)
        for p in probabilities.tolist():
            start, end = self.seen, self.seen + WINDOW
            self.seen = end
            if self.open is None:
                if p >= self.config.threshold:
                    self.open, self.quiet_since = start, None
                elif self.group and end - self.group[-1][1] > gap:
                    self._give(None, found)
                continue
            if p >= self.config.threshold:
                self.quiet_since = None
            elif p < self.config.release and self.quiet_since is None:
                self.quiet_since = start
            if self.quiet_since is not None and end - self.quiet_since >= silence:
                self._close(self.quiet_since, found)
            elif end - self.open >= self.longest:
                cut = self._quietest(self.open + self.longest // 2, end)
                self._close(cut, found)
                self.open = cut
        self._forget()
        return found

    def _close(self, end: int, found: list[Speech]) -> None:
        """End a stretch of speech: join it to the group, or emit the group first."""
        assert self.open is not None
        start, self.open, self.quiet_since = self.open, None, None
        if end - start < _samples(self.config.min_speech_s):
            return
        if self.group:
            gap_s = APART_S if self.config.apart else self.config.max_gap_s
            near = start - self.group[-1][1] <= _samples(gap_s)
            if not near or end - self.group[0][0] > self.target:
                self._give(start, found)
        self.group.append((start, end))

    def _give(self, following: int | None, found: list[Speech], behind: int = 0) -> None:
        """Emit the group with its padding, but without audio of its neighbours.

        behind: samples kept after it, if they are more than the padding.
        """
        group, self.group = self.group, []
        length, most = group[-1][1] - group[0][0], int(self.config.max_s * SAMPLE_RATE_HZ)
        end = group[-1][1] + max(self.pad, min(behind, most - length - self.pad))
        before = self.pad
        if not self.last_end:
            before = max(self.pad, min(self.edge, most - (end - group[0][0])))
        start = max(group[0][0] - before, self.last_end)
        if following is not None:
            end = min(end, (group[-1][1] + following) // 2)
        end = min(end, self.total)
        samples = self.buffer[start - self.origin : end - self.origin].clone()
        stretches = group if self.noted is None else self.noted.between(start, end)
        spoken = tuple((a / SAMPLE_RATE_HZ, min(b, end) / SAMPLE_RATE_HZ) for a, b in stretches)
        found.append(Speech(start / SAMPLE_RATE_HZ, samples, spoken))
        self.last_end = end

    def _measure(self, windows: int) -> None:
        """Mean square of the next windows, for the choice of quiet points."""
        start = self.seen - self.origin
        part = self.buffer[start : start + windows * WINDOW]
        if part.shape[0] < windows * WINDOW:
            part = torch.nn.functional.pad(part, (0, windows * WINDOW - part.shape[0]))
        self.energy += part.view(-1, WINDOW).square().mean(1).tolist()

    def _quietest(self, start: int, end: int) -> int:
        """The middle of the quietest window between two positions, smoothed over three (96 ms)."""
        first, last = (start - self.origin) // WINDOW, (end - self.origin) // WINDOW
        energy = self.energy
        best = min(
            range(max(first, 1), last - 1), key=lambda w: energy[w - 1] + energy[w] + energy[w + 1]
        )
        return self.origin + best * WINDOW + WINDOW // 2

    def _forget(self) -> None:
        """Drop what no segment can need any more, in whole windows."""
        if self._is_short():
            return
        needed = self.seen
        if self.open is not None:
            needed = min(needed, self.open)
        if self.group:
            needed = min(needed, self.group[0][0])
        kept = self.pad if self.last_end else max(self.pad, self.edge)
        drop = max(needed - kept - self.origin, 0) // WINDOW
        if drop:
            self.buffer = self.buffer[drop * WINDOW :].clone()
            self.energy = self.energy[drop:]
            self.origin += drop * WINDOW


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)
