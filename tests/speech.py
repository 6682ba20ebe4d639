"""Something that a voice-activity detector takes for speech, made from a buzz and formants."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE = 16_000
VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)
"""formants in Hz of a, i, u, e, o (Peterson and Barney 1952)"""


def babble(seconds: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Syllables at about four a second: (N,) at 16 kHz, peak 0.5."""
    rng = np.random.default_rng(seed)
    parts: list[npt.NDArray[np.float64]] = []
    length = 0
    while length < seconds * RATE:
        size = int(rng.uniform(0.16, 0.3) * RATE)
        t = np.arange(size) / RATE
        pitch = rng.uniform(100, 150) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(2, 5) * t))
        phase = np.cumsum(pitch) / RATE
        buzz = np.diff(np.floor(phase), prepend=0.0)  # one pulse a period
        vowel, target = rng.integers(len(VOWELS), size=2)
        spectrum = np.fft.rfft(buzz, 2 * size)
        freq = np.fft.rfftfreq(2 * size, 1 / RATE)
        shape = np.zeros_like(freq)
        for a, b in zip(VOWELS[vowel], VOWELS[target], strict=True):
            middle = (a + b) / 2
            shape += 1 / (1 + ((freq - middle) / 90) ** 2) / (1 + middle / 800)
        voiced = np.fft.irfft(spectrum * shape)[:size]
        envelope = np.sin(np.pi * np.arange(size) / size) ** 0.6
        consonant = rng.standard_normal(size) * np.exp(-t * 60) * 0.02
        parts.append(voiced / (np.abs(voiced).max() + 1e-9) * envelope + consonant)
        length += size
    wave = np.concatenate(parts)[: int(seconds * RATE)]
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)
