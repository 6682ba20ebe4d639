"""NeMo's log-mel features: pre-emphasis, 25 ms windows in 512 points, each bin normalised over the
segment."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.audio.frames import HOP, WINDOW, pad
from attnasr_cli.audio.mel import mel_filters

FFT = 512
EMPHASIS = 0.97
"""pre-emphasis: share of the previous sample that is subtracted"""
FLOOR = 2.0**-24
"""added to the energy of a bin before its logarithm"""
LEAST = 1e-5
"""added to the standard deviation of a bin"""
DITHER = 1e-5
"""standard deviation of the noise that Cohere's model adds to the samples"""
FEWEST = 2
"""least frames, so that there is a standard deviation"""


def log_mel(samples: Tensor, bins: int, dither: float = 0.0) -> Tensor:
    """samples (N,) at 16 kHz → features (N // HOP, F), float32, at least 2 frames.

    dither: standard deviation of the added noise, which depends on N only.
    """
    samples = samples.float()
    if dither:
        generator = torch.Generator().manual_seed(samples.shape[0])
        noise = torch.randn(samples.shape[0], generator=generator)
        samples = samples + dither * noise.to(samples.device)
    samples = F.pad(samples, (0, max(FEWEST * HOP - samples.shape[0], 0)))
    samples = torch.cat([samples[:1], samples[1:] - EMPHASIS * samples[:-1]])
    frames = samples.shape[0] // HOP
    window = torch.hann_window(WINDOW, periodic=False, device=samples.device)
    spectrum = torch.stft(
        samples, FFT, HOP, WINDOW, window, center=True, pad_mode="constant", return_complex=True
    )[:, :frames]  # (FFT/2 + 1, T); a frame that begins where the samples end is left out
    energy = torch.view_as_real(spectrum).square().sum(-1)
    mel = energy.T @ mel_filters(FFT, bins).to(samples.device)  # (T, F)
    features = (mel + FLOOR).log()
    centred = features - features.mean(0, keepdim=True)
    return centred / (features.std(0, keepdim=True) + LEAST)


class NemoMel:
    """Features of a batch: list of samples (N,) → (B, T, F) padded with zeros, lengths (B,)."""

    def __init__(self, bins: int, dither: float = 0.0) -> None:
        self.bins, self.dither = bins, dither

    def extract(self, samples: Tensor) -> Tensor:
        """samples (N,) → (T, F)"""
        return log_mel(samples, self.bins, self.dither)

    def __call__(self, segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return pad([self.extract(samples) for samples in segments])
