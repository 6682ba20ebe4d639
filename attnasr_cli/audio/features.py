"""Log-mel features of the nets that are trained here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ, WINDOW, pad
from attnasr_cli.audio.mel import mel_filters
from attnasr_cli.audio.statistics import Statistics, by_corpus, by_own
from attnasr_cli.errors import ModelError

FFT = 512
LOG_FLOOR = 1e-6
STEP = 8 * HOP
"""samples: a multiple of what nets join into one position of their memory"""
QUIET = 1e-5
"""root mean square of a pause at least: the last bit of a recording of 16 bits"""
BELOW_DB = 20.0
"""of the noise of a pause below the segment at least: a word that is cut out tightly has speech in
its quietest part too"""


@dataclass(frozen=True)
class FeatureConfig:
    """The ``[features]`` table of a model."""

    style: str = "logmel"
    """logmel: as here; else that of another model family, which computes its own"""
    bins: int = 80
    """mel bins"""
    normalize: str = "utterance"
    """utterance: mean 0 and deviation 1 of each bin over the segment; corpus: over all training
    data, moved by level and tilt of the segment, for short commands; none"""

    shortest_s: float = 0.0
    """a shorter segment gets a pause around it up to this: each bin is normalised by its mean, and
    the mean of a single vowel says nothing of which vowel it was"""

    corpus: Statistics | None = None
    """of the training data: measured where it is not given"""

    def __post_init__(self) -> None:
        if self.corpus is not None and self.normalize != "corpus":
            raise ModelError("features.corpus without normalize = 'corpus'", "leave it out")
        if self.corpus is not None and {*map(len, (self.corpus.mean, self.corpus.deviation))} != {
            self.bins
        }:
            raise ModelError(f"features.corpus is not of {self.bins} bins", "leave it out")
        if self.shortest_s < 0:
            raise ModelError(f"features.shortest_s is {self.shortest_s}", "use 0 or more")
        if self.normalize not in ("utterance", "corpus", "none"):
            raise ModelError(
                f"unknown feature normalisation {self.normalize!r}",
                "use 'utterance', 'corpus' or 'none'",
            )
        if self.bins < 1:
            raise ModelError(f"features.bins is {self.bins}", "use 80")


def log_mel(samples: Tensor, config: FeatureConfig) -> Tensor:
    """samples (N,) at 16 kHz → features (T, F), T = N // HOP + 1, float32."""
    from attnasr_cli.audio._torchaudio import torchaudio

    samples = with_pause(samples, config, lead(samples.shape[0], config))
    if samples.shape[0] < FFT:  # reflection needs more samples than it adds
        samples = torch.nn.functional.pad(samples, (0, FFT - samples.shape[0]))
    spectrum = torchaudio.functional.spectrogram(
        samples, 0, torch.hann_window(WINDOW), FFT, HOP, WINDOW, 2.0, False
    )  # (FFT/2 + 1, T)
    mel = spectrum.T @ mel_filters(FFT, config.bins, torch.float32)  # (T, F)
    features = (mel + LOG_FLOOR).log()
    if config.normalize == "corpus":
        if config.corpus is None:
            raise ModelError("the features have no statistics of a corpus", "train the model again")
        return by_corpus(features, config.corpus)
    return by_own(features) if config.normalize == "utterance" else features


def shortest(config: FeatureConfig) -> int:
    """Samples up to which a pause is put around a segment."""
    return round(config.shortest_s * SAMPLE_RATE_HZ)


def lead(count: int, config: FeatureConfig) -> int:
    """Samples of the pause that is put before a segment of so many: half of what it lacks, in
    whole positions of a net's memory."""
    return max(shortest(config) - count, 0) // 2 // STEP * STEP


def lead_s(duration_s: float, config: FeatureConfig) -> float:
    """The same in seconds: what a moment of the features is later than in the segment."""
    return lead(round(duration_s * SAMPLE_RATE_HZ), config) / SAMPLE_RATE_HZ


def with_pause(
    samples: Tensor, config: FeatureConfig, before: int, noise: float | None = None
) -> Tensor:
    """samples (N,) → at least ``shortest`` of them, ``before`` of what is added in front.

    The pause has noise, always the same, of the root mean square ``noise``, else that of
    ``pause_noise``. It goes on below the speech: recordings of 8 kHz have none above 4 kHz, and
    would stand out there by their silence. Digital silence does not do: of English digits
    english-small, untrained, knows 65 % without a pause, 74 % with silence of half a second on each
    side, 78 % with noise, and 67 % with all of it behind.
    """
    missing = shortest(config) - samples.shape[0]
    if missing <= 0:
        return samples
    padded = torch.nn.functional.pad(samples, (before, missing - before))
    always = torch.Generator().manual_seed(0)
    level = pause_noise(samples) if noise is None else max(noise, QUIET)
    return padded + level * torch.randn(padded.shape[0], generator=always)


def pause_noise(samples: Tensor) -> float:
    """Root mean square of the noise that a pause around samples (N,) has: that of their quietest
    25 ms, but clearly below the whole."""
    if samples.shape[0] < WINDOW:
        return QUIET
    parts = samples[: samples.shape[0] // WINDOW * WINDOW].reshape(-1, WINDOW)
    quietest = float(parts.square().mean(1).min().sqrt())
    return max(min(quietest, loudness(samples) * 10 ** (-BELOW_DB / 20)), QUIET)


def loudness(samples: Tensor) -> float:
    """Root mean square of samples (N,), at least one."""
    return float(samples.square().mean().sqrt())


class LogMel:
    """Features of a batch: list of samples (N,) → (B, T, F) padded with zeros, lengths (B,)."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config

    def extract(self, samples: Tensor) -> Tensor:
        """samples (N,) → (N // HOP + 1, F), where N is not below ``shortest_s``"""
        return log_mel(samples, self.config)

    def __call__(self, segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        return pad([self.extract(samples) for samples in segments])
