"""Channels are averaged, except where they cancel each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.audio import load as audio
from attnasr_cli.audio.mono import Downmix
from tests.recordings import Sound, film, pitches, read, tone

RATE = 44_100


def stereo(path: Path, *parts: tuple[float, float], seconds: float = 3.0) -> Path:
    """The tone, with gains for (left, right), one stretch after the other."""
    one = tone(seconds, RATE)[:, None]
    samples = np.concatenate([one * np.float32(gains) for gains in parts])
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("right", [-1.0, -0.8, -1.3])
def test_opposite_phase(tmp_path: Path, right: float) -> None:
    samples, warnings = read(stereo(tmp_path / "a.wav", (1.0, right)))
    loudest = 0.3 * max(1.0, -right)
    assert float(samples.abs().max()) == pytest.approx(loudest, abs=0.05)
    assert pitches(samples, (0.0, 1.0), (2.0, 3.0)) == [440, 440]
    assert ["cancel each other for 3.0 s" in text for text in warnings] == [True]


def test_opposite_phase_for_a_while(tmp_path: Path) -> None:
    path = stereo(tmp_path / "a.wav", (1.0, 1.0), (1.0, -1.0), (1.0, 1.0))
    samples, warnings = read(path)
    power = samples[: 9 * 16_000].view(18, 8_000).square().mean(1).sqrt()
    assert float(power.min()) > 0.2  # no half second of silence
    assert ["for 3.0 s" in text for text in warnings] == [True]
    assert read(path, end_s=2.5)[1] == []
    assert "cancel each other for 2.0 s" in read(path, start_s=4.0)[1][0]


def test_opposite_phase_in_a_film(tmp_path: Path) -> None:
    one = tone(3.0, RATE)
    sound = Sound("aac", channels=2, samples=np.stack([one, -one], 1), bit_rate=192_000)
    samples, warnings = read(film(tmp_path / "a.mkv", [sound], 5.0))
    assert pitches(samples, (0.5, 2.5)) == [440]
    assert len(warnings) == 1


@pytest.mark.parametrize("gains", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, 0.2), (0.0, 0.0)])
def test_other_stereo_is_averaged(tmp_path: Path, gains: tuple[float, float]) -> None:
    samples, warnings = read(stereo(tmp_path / "a.wav", gains))
    expected = np.float32(sum(gains) / 2) * tone(3.0, RATE)
    soundfile.write(tmp_path / "mono.wav", expected, RATE, subtype="FLOAT")
    assert warnings == []
    assert torch.allclose(samples, audio.load(tmp_path / "mono.wav"), atol=1e-6)


def test_unrelated_channels_are_averaged() -> None:
    noise = np.random.default_rng(0).standard_normal((5 * RATE, 2)).astype(np.float32)
    mix = Downmix(RATE)
    mixed = np.concatenate([mix.push(noise), mix.finish()])
    assert mix.cancelled == 0
    np.testing.assert_allclose(mixed, noise.mean(1), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_pushes_of_any_size_give_the_same(channels: int) -> None:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((60_000, channels)).astype(np.float32)
    samples[20_000:40_000, 1] = -samples[20_000:40_000, 0]
    whole = Downmix(8_000)
    expected = np.concatenate([whole.push(samples), whole.finish()])
    pieces = Downmix(8_000)
    found = [pieces.push(part) for part in np.split(samples, [1, 77, 5_000, 30_001, 30_002])]
    np.testing.assert_array_equal(np.concatenate([*found, pieces.finish()]), expected)
    assert pieces.cancelled == whole.cancelled
    assert (whole.cancelled > 0) == (channels == 2)
