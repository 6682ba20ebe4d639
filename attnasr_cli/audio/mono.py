"""Downmix to mono: the average of the channels, or the louder one where they cancel each other.

A cable with two wires exchanged, or a microphone wired the wrong way round, gives a stereo
recording whose channels are in opposite phase. Each alone sounds as it should; their average is
silence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
WINDOW_S = 0.5
"""the choice is made for windows of this length"""
CANCELLED, RESTORED = 0.1, 0.3
"""energy of the average, as a share of what unrelated channels would have: it is given up below the
first and taken again above the second. Two equal channels of correlation r have 1 + r"""
SILENCE = 1e-9
"""mean square below which the choice is not changed: -90 dB"""
LOUDER = 2.0
"""ratio of energies from which another channel replaces the chosen one"""


class Downmix:
    """Downmixes pushed blocks (N, channels) of one rate, with a delay of at most half a second."""

    def __init__(self, rate_hz: int) -> None:
        self.window = max(round(WINDOW_S * rate_hz), 1)
        self.waiting: list[Samples] = []
        self.held = 0
        self.chosen: int | None = None
        self.cancelled = 0
        """samples whose average was not used"""

    def push(self, samples: Samples) -> Samples:
        """(N, channels) → what is certain by now (N',)."""
        if samples.shape[1] == 1 and not self.waiting:
            return np.ascontiguousarray(samples[:, 0])
        if self.waiting and self.waiting[0].shape[1] != samples.shape[1]:
            return np.concatenate([self.finish(), self.push(samples)])
        self.waiting.append(samples)
        self.held += len(samples)
        return self._take(self.held // self.window * self.window)

    def finish(self) -> Samples:
        """The rest (N',)."""
        return self._take(self.held)

    def _take(self, count: int) -> Samples:
        if not count:
            return np.zeros(0, np.float32)
        joined = np.concatenate(self.waiting) if len(self.waiting) > 1 else self.waiting[0]
        self.waiting = [joined[count:]] if count < self.held else []
        self.held -= count
        whole = average(joined[:count])
        for start in range(0, count, self.window):
            part = joined[start : min(start + self.window, count)]
            self._judge(part, whole[start : start + len(part)])
            if self.chosen is not None:
                whole[start : start + len(part)] = part[:, self.chosen]
                self.cancelled += len(part)
        return whole

    def _judge(self, part: Samples, mixed: Samples) -> None:
        """Choose the average or a channel for one window (N, channels)."""
        count, channels = part.shape
        energies = np.einsum("nc,nc->c", part, part) / count
        unrelated = float(energies.sum()) / channels**2
        if not unrelated > SILENCE:
            return
        share = float(mixed @ mixed) / count / unrelated
        if share > (CANCELLED if self.chosen is None else RESTORED):
            self.chosen = None
            return
        loudest = int(energies.argmax())
        if self.chosen is None or energies[loudest] > LOUDER * energies[self.chosen]:
            self.chosen = loudest


def average(samples: Samples) -> Samples:
    """(N, channels) → their mean (N,)."""
    channels = samples.shape[1]
    total = samples[:, 0].copy() if channels == 1 else samples[:, 0] + samples[:, 1]
    for channel in range(2, channels):
        total += samples[:, channel]
    if channels > 1:
        total /= np.float32(channels)
    return total
