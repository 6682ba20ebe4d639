"""Augmentation by rooms: a distant microphone records the speech convolved with the impulse
response of the room.

Two kinds of responses: exponentially decaying noise, as of a diffuse field, and the echoes of the
walls of a shoebox (image sources, Allen and Berkley 1979).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.training.augment.fourier import fast_size

Samples = npt.NDArray[np.float32]
SOUND_M_PER_S = 343.0
DECAY_S = (0.03, 0.2)
"""time constants of the amplitude: from a furnished room to a hall (RT60 is 6.9 times as long)"""
ORDER = 6  # images on each side in each direction
SIDES_M = ((3.0, 3.0, 2.3), (10.0, 8.0, 4.0))
REFLECTION = (0.5, 0.95)


def random_room(draw: np.random.Generator) -> Samples:
    """A random room response (M,), whose direct sound is at sample 0."""
    if draw.random() < 0.5:
        return diffuse(draw.uniform(*DECAY_S), draw.uniform(-15, 10), draw)
    sides = draw.uniform(*SIDES_M)
    places = draw.uniform(0.1, 0.9, (2, 3)) * sides
    return shoebox(sides, places[0], places[1], draw.uniform(*REFLECTION))


def diffuse(decay_s: float, direct_db: float, draw: np.random.Generator) -> Samples:
    """White noise (M,) of amplitude exp(-t / decay_s) behind a direct sound.

    direct_db: energy of the direct sound over that of the noise.
    """
    time = np.arange(round(4 * decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    response = draw.standard_normal(len(time)) * np.exp(-time / decay_s)
    response /= np.sqrt(np.sum(np.square(response)))
    response[0] += 10 ** (direct_db / 20)
    return response.astype(np.float32)


def shoebox(
    sides_m: npt.NDArray[np.float64],
    mouth_m: npt.NDArray[np.float64],
    microphone_m: npt.NDArray[np.float64],
    reflection: float,
) -> Samples:
    """The response (M,) of a room whose six walls reflect ``reflection`` of the amplitude; sides
    and positions (3,) in metres."""
    count = np.arange(-ORDER, ORDER + 1)
    axes = []
    for side, mouth, microphone in zip(sides_m, mouth_m, microphone_m, strict=True):
        # Images at 2 n side + mouth after |2 n| reflections, at 2 n side - mouth after |2 n - 1|.
        at = np.concatenate([2 * count * side + mouth, 2 * count * side - mouth]) - microphone
        hits = np.concatenate([np.abs(2 * count), np.abs(2 * count - 1)])
        axes.append((np.square(at), hits))
    (x, hx), (y, hy), (z, hz) = axes
    distance = np.sqrt(x[:, None, None] + y[:, None] + z)
    hits = hx[:, None, None] + hy[:, None] + hz
    nearest = distance.min()
    delay = np.rint((distance - nearest) / SOUND_M_PER_S * SAMPLE_RATE_HZ).astype(np.int64)
    # What the outermost images miss of the tail is left out for all directions alike.
    longest = round(2 * ORDER * float(sides_m.min()) / SOUND_M_PER_S * SAMPLE_RATE_HZ)
    amplitude = reflection**hits * nearest / np.maximum(distance, 0.1)
    heard = delay < longest
    return np.bincount(delay[heard], amplitude[heard]).astype(np.float32)


def convolve(speech: Samples, response: Samples) -> Samples:
    """speech (N,), response (M,) → (N,), with the power of the speech."""
    size = fast_size(len(speech) + len(response) - 1)
    product = np.fft.rfft(speech, size) * np.fft.rfft(response, size)
    wet = np.fft.irfft(product, size)[: len(speech)]
    before, after = float(np.mean(np.square(speech))), float(np.mean(np.square(wet)))
    scaled: Samples = (wet * np.sqrt(before / max(after, 1e-12))).astype(np.float32)
    return scaled
