"""Augmentation of audio: noise, room reverberation, telephone, codecs and levels.

A net trained on clean speech only fails on all of these (Ko et al. 2017). Each training utterance
is distorted at random every time it is drawn, as ``[distort]`` of a recipe says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.data import AUDIO_ENDINGS
from attnasr_cli.errors import UsageError
from attnasr_cli.families.recipe.sections import DistortConfig
from attnasr_cli.training.augment import rooms
from attnasr_cli.training.augment.codecs import CODECS, through_codec, through_telephone
from attnasr_cli.training.augment.fourier import fast_size

Samples = npt.NDArray[np.float32]
"""(N,) at 16 kHz, full scale ±1"""
PAUSE_DB = (13.0, 45.0)
"""of the noise in a pause below the speech: what is between words of careless and of good
recordings"""
QUIET = 1e-8  # mean square below which there is nothing to set a ratio to


class Distortion:
    """All distortions, each applied with its own probability, in the order in which they occur in
    reality."""

    def __init__(self, config: DistortConfig, noises: Sequence[Samples] = ()) -> None:
        """noises: recordings of any length; half of the noise is synthetic in any case."""
        self.config, self.noises = config, noises

    def __call__(self, samples: Tensor, draw: np.random.Generator) -> Tensor:
        """samples (N,) → (N,), distorted at random; the same ``draw`` gives the same result."""
        config, speech = self.config, samples.numpy()
        if draw.random() < config.rooms:
            speech = rooms.convolve(speech, rooms.random_room(draw))
        if draw.random() < config.noise:
            speech = add(speech, self._noise(len(speech), draw), draw.uniform(*config.snr_db))
        if draw.random() < config.bands:
            speech = band_limited(speech, draw.uniform(30, 350), draw.uniform(3000, 7500))
        if draw.random() < config.levels:
            speech = at_level(speech, draw.uniform(-40, 3))
        if draw.random() < config.telephone:
            speech = through_telephone(speech)
        if draw.random() < config.codecs:
            kind = sorted(CODECS)[draw.integers(len(CODECS))]
            speech = through_codec(speech, kind, int(draw.integers(8, 33)) * 1000)
        return torch.from_numpy(speech)

    def pause(self, samples: Tensor, draw: np.random.Generator) -> float | None:
        """Root mean square of the noise in a pause around samples (N,) drawn at random, or None for
        what it has in use."""
        if draw.random() >= self.config.pauses:
            return None
        return float(np.sqrt(power(samples.numpy())) * 10 ** (-draw.uniform(*PAUSE_DB) / 20))

    def _noise(self, length: int, draw: np.random.Generator) -> Samples:
        if not self.noises or draw.random() < 0.5:
            return coloured(length, draw.uniform(0, 2), draw)
        noise = self.noises[int(draw.integers(len(self.noises)))]
        turned = np.roll(noise, -int(draw.integers(len(noise))))
        return np.tile(turned, -(-length // len(turned)))[:length]


def read_noises(folder: str) -> list[Samples]:
    """All recordings below a folder that are not silent; raises UsageError where there is none."""
    from attnasr_cli.audio.load import load

    root = Path(folder)
    files = sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS)
    noises = [np.asarray(load(path).numpy(), dtype=np.float32) for path in files]
    noises = [noise for noise in noises if power(noise) > QUIET]
    if not noises:
        raise UsageError(
            f"no noise recordings in {folder}", "[distort] noise_folder is a folder of audio"
        )
    return noises


def power(samples: Samples) -> float:
    """Mean square."""
    return float(np.mean(np.square(samples))) if len(samples) else 0.0


def add(speech: Samples, noise: Samples, snr_db: float) -> Samples:
    """Both (N,) → their sum, the power of the speech ``snr_db`` above that of the noise."""
    if power(speech) < QUIET or power(noise) < QUIET:
        return speech
    gain = np.sqrt(power(speech) / power(noise) / 10 ** (snr_db / 10))
    return speech + noise * np.float32(gain)


def coloured(length: int, slope: float, draw: np.random.Generator) -> Samples:
    """Noise (length,) whose power falls with frequency ** slope: 0 white, 1 pink, 2 brown."""
    size = fast_size(length)
    spectrum = np.fft.rfft(draw.standard_normal(size, dtype=np.float32))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    spectrum *= np.maximum(hertz, 20.0) ** (-slope / 2)
    return np.fft.irfft(spectrum, size)[:length].astype(np.float32)


def band_limited(speech: Samples, low_hz: float, high_hz: float) -> Samples:
    """(N,) → (N,) with what is outside the band falling by 24 dB an octave."""
    size = fast_size(len(speech))
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    gain = 1 / np.sqrt(1 + (hertz / high_hz) ** 8)
    gain /= np.sqrt(1 + (low_hz / np.maximum(hertz, 1.0)) ** 8)
    filtered = np.fft.irfft(np.fft.rfft(speech, size) * gain, size)[: len(speech)]
    return filtered.astype(np.float32)


def at_level(speech: Samples, level_db: float) -> Samples:
    """(N,) → (N,) with that root mean square against full scale; louder peaks are cut off."""
    if power(speech) < QUIET:
        return speech
    gain = 10 ** (level_db / 20) / np.sqrt(power(speech))
    levelled: Samples = np.clip(speech * np.float32(gain), -1, 1)
    return levelled
