"""Whisper's features: log-mel over a whole recording, cut into windows of 30 s.

Three things differ from the features of the nets trained here, and the weights depend on all of
them: 400-point transform, base-10 logarithm, and a floor eight decades below the loudest bin *of
the recording*. The last one needs the whole recording before the first window; features are
computed block by block, and only they (32 kB a second) are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.audio.frames import HOP, WINDOW, pad
from attnasr_cli.audio.mel import mel_filters

FFT = WINDOW  # 400 samples, 25 ms
REACH = FFT // 2  # a frame sees this many samples on each side of its middle
FLOOR = 1e-10
RANGE = 8.0  # decades kept below the loudest bin
BLOCK_FRAMES = 6000  # 60 s: 10 MB of spectrum at a time


class MelRecorder:
    """Samples in blocks → the features of the whole recording, window by window.

    ``push`` blocks of samples (N,), ``finish``, then ask for any ``window``.
    """

    def __init__(self, bins: int) -> None:
        self.bins = bins
        self.samples = 0
        self._waiting = torch.zeros(0)  # samples that the next frame still sees
        self._started = False
        self._blocks: list[Tensor] = []
        self._loudest = torch.tensor(float("-inf"))

    @property
    def frames(self) -> int:
        """Frames with content: N // HOP."""
        return self.samples // HOP

    def push(self, samples: Tensor) -> None:
        """The next samples (N,), float32 at 16 kHz."""
        self.samples += samples.shape[0]
        self._waiting = torch.cat([self._waiting, samples.float()])
        if not self._started:
            if self._waiting.shape[0] <= REACH:
                return
            self._start()
        while self._waiting.shape[0] >= BLOCK_FRAMES * HOP + FFT:
            self._compute(BLOCK_FRAMES)

    def _start(self) -> None:
        self._started = True
        self._waiting = torch.cat([self._waiting[1 : REACH + 1].flip(0), self._waiting])

    def finish(self) -> None:
        """No more samples. What follows the recording counts as silence, as in the reference."""
        ahead = -(-(self.samples + REACH) // HOP)  # frames that see any sample at all
        have = sum(block.shape[0] for block in self._blocks)
        self._waiting = F.pad(self._waiting, (0, FFT + HOP))
        if not self._started:
            self._start()
        missing = ahead - have
        self._waiting = F.pad(
            self._waiting, (0, max(0, missing * HOP + FFT - self._waiting.shape[0]))
        )
        while missing > 0:
            block = min(missing, BLOCK_FRAMES)
            self._compute(block)
            missing -= block
        self._waiting = torch.zeros(0)

    def _compute(self, frames: int) -> None:
        piece = self._waiting[: (frames - 1) * HOP + FFT]
        self._waiting = self._waiting[frames * HOP :]
        window = torch.hann_window(FFT)
        spectrum = torch.stft(
            piece, FFT, HOP, window=window, center=False, return_complex=True
        )  # (FFT/2 + 1, T)
        power = spectrum.abs().square_()
        mel = (
            (mel_filters(FFT, self.bins).T @ power).clamp_min_(FLOOR).log10_().T.contiguous()
        )  # (T, F)
        self._loudest = torch.maximum(self._loudest, mel.max())
        self._blocks.append(mel)

    def window(self, start: int, frames: int) -> Tensor:
        """Features (≤ frames, F) from frame ``start`` on; shorter at the end of the recording."""
        return self._read(start, min(start + frames, self.frames))

    def opening(self, frames: int) -> Tensor:
        """Features (frames, F) of the start; silence follows a shorter recording."""
        found = self._read(0, min(frames, sum(block.shape[0] for block in self._blocks)))
        silence = (torch.maximum(torch.tensor(FLOOR).log10(), self._loudest - RANGE) + 4.0) / 4.0
        rest = silence.expand(frames - found.shape[0], self.bins)
        return torch.cat([found, rest])

    def _read(self, start: int, end: int) -> Tensor:
        first = start // BLOCK_FRAMES
        blocks = self._blocks[first : -(-end // BLOCK_FRAMES)]
        if not blocks or start >= end:
            return torch.zeros(0, self.bins)
        shift = first * BLOCK_FRAMES
        raw = torch.cat(blocks)[start - shift : end - shift]  # (frames, F)
        return torch.maximum(raw, self._loudest - RANGE).add_(4.0).div_(4.0)


def log_mel(samples: Tensor, bins: int) -> Tensor:
    """samples (N,) at 16 kHz → features (N // HOP, F)."""
    recorder = MelRecorder(bins)
    recorder.push(samples)
    recorder.finish()
    return recorder.window(0, recorder.frames)


def join(parts: Sequence[Tensor], pauses: Sequence[int]) -> Tensor:
    """Features of recordings (T, F) → those of one recording with all of them in a row, with
    ``pauses[i]`` frames of silence behind the i-th but the last.

    Equals ``log_mel`` of the joined samples, except for frames that span two parts; the loudest
    part determines the floor of all.
    """
    floor = torch.stack([part.max() for part in parts]).max() - RANGE / 4.0
    bins = parts[0].shape[1]
    row = [parts[0]]
    for part, pause in zip(parts[1:], pauses, strict=True):
        row += [floor.expand(pause, bins), part]
    return torch.maximum(torch.cat(row), floor)


class WhisperMel:
    """Features of a batch of windows: list of samples (N,) → (B, T, F) and lengths (B,)."""

    def __init__(self, bins: int) -> None:
        self.bins = bins

    def extract(self, samples: Tensor) -> Tensor:
        """samples (N,) → (N // HOP, F)"""
        return log_mel(samples, self.bins)

    def __call__(self, segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return pad([self.extract(samples) for samples in segments])
