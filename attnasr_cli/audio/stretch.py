"""A stretch of a recording at one sampling rate → mono samples at 16 kHz."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.audio.mono import Downmix, Samples
from attnasr_cli.audio.resample import StreamResampler, left_context, phase
from attnasr_cli.errors import AudioError


class Stretch:
    """Push native samples, get those at 16 kHz from number ``skip`` of the stretch on."""

    def __init__(
        self, name: str, rate_hz: int, skip: int, channel: int | None, start_s: float = 0.0
    ) -> None:
        """``channel``: that one only, from 1; ``start_s``: where it begins, for messages."""
        self.name, self.rate_hz, self.channel, self.start_s = name, rate_hz, channel, start_s
        self.stream, self.mix = StreamResampler(rate_hz), Downmix(rate_hz)
        p, q = self.stream.p, phase(rate_hz)
        self.asked = skip
        # Native samples that no output needs: a whole number of the filter's periods.
        self.first = max(skip * q // p // q * q - left_context(rate_hz), 0)
        self.skip = skip - self.first // q * p
        self.position = 0
        """native samples that were pushed, or left out by the source"""
        self.mixed = self.first

    @property
    def cancelled_s(self) -> float:
        """Seconds in which the channels cancelled each other."""
        return self.mix.cancelled / self.rate_hz

    def push(self, samples: Samples) -> Tensor:
        """(N, channels) → what is certain by now (N',)."""
        unneeded = min(max(self.first - self.position, 0), len(samples))
        self.position += len(samples)
        if unneeded:
            samples = samples[unneeded:]
            if not len(samples):
                return torch.zeros(0)
        return self._cut(self.stream.push(self._checked(self._mono(samples))))

    def finish(self) -> Tensor:
        """The rest (N',)."""
        rest = self.stream.push(self._checked(self.mix.finish()))
        return self._cut(torch.cat([rest, self.stream.finish()]))

    def following(self, rate_hz: int) -> Stretch:
        """The stretch after this one, which is finished."""
        p, q = self.stream.p, phase(self.rate_hz)
        there = math.ceil(self.position * p / q)
        return Stretch(
            self.name,
            rate_hz,
            max(self.asked - there, 0),
            self.channel,
            self.start_s + self.position / self.rate_hz,
        )

    def _mono(self, samples: Samples) -> Samples:
        """(N, channels) → (N',)."""
        if self.channel is None:
            return self.mix.push(samples)
        channels = samples.shape[1]
        if channels > 1 and self.channel > channels:
            where = f"from {self._at(self.position):.1f} s on"
            raise AudioError(
                f"{self.name} has no channel {self.channel} {where}", f"it has {channels} there"
            )
        return np.ascontiguousarray(samples[:, min(self.channel, channels) - 1])

    def _checked(self, mono: Samples) -> Tensor:
        """The same as a tensor, if all of it is finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            power = float(mono @ mono)  # cheaper than a look at each of them
        if not math.isfinite(power):
            finite = np.isfinite(mono)
            if not finite.all():
                where = self._at(self.mixed + int(np.argmin(finite)))
                raise AudioError(
                    f"{self.name} holds NaN or infinite samples at {where:.2f} s",
                    "write the file again from its source",
                )
        self.mixed += len(mono)
        return torch.from_numpy(mono)

    def _at(self, position: int) -> float:
        return self.start_s + position / self.rate_hz

    def _cut(self, samples: Tensor) -> Tensor:
        """Without what is before the start."""
        if not self.skip:
            return samples
        kept = samples[self.skip :]
        self.skip = max(self.skip - samples.shape[0], 0)
        return kept
