"""Log-mel features: right shapes, right bins, the same alone as in a batch."""

from __future__ import annotations

import math

import pytest
import torch

from attnasr_cli.audio.features import FeatureConfig, LogMel, lead, log_mel, with_pause
from attnasr_cli.audio.frames import FRAMES_PER_S, HOP
from attnasr_cli.errors import ModelError


def tone(hz: float, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(int(16_000 * seconds)) / 16_000)


@pytest.mark.parametrize("count", [1, 159, 160, 400, 16_000, 16_001])
def test_frames_are_10_ms_apart(count: int) -> None:
    frames = log_mel(torch.randn(count), FeatureConfig(bins=40)).shape[0]
    assert frames == max(count, 512) // 160 + 1


@pytest.mark.parametrize("count", [1, 1600, 7000, 8000, 8001])
def test_a_short_segment_has_a_pause_around_it(count: int) -> None:
    config = FeatureConfig(bins=40, shortest_s=0.5)
    samples = torch.randn(count)
    found = log_mel(samples, config)
    assert found.shape[0] == max(count, 8000) // 160 + 1
    assert torch.equal(found, log_mel(samples, config))  # the noise of the pause is always the same
    before = lead(count, config)
    assert before % (8 * HOP) == 0
    assert 0 <= max(8000 - count, 0) / 2 - before < 8 * HOP
    if count >= 8000:
        assert torch.equal(found, log_mel(samples, FeatureConfig(bins=40)))
    with pytest.raises(ModelError, match="shortest_s"):
        FeatureConfig(shortest_s=-1)


def test_a_pause_has_the_noise_of_the_quietest_moment() -> None:
    config = FeatureConfig(shortest_s=1.0)
    quiet = 0.01 * torch.randn(1600)
    found = with_pause(torch.cat([torch.randn(1600), quiet, torch.randn(1600)]), config, 4800)
    assert found.shape == (16_000,)
    for pause in (found[:4800], found[9600:]):
        assert 0.005 < float(pause.std()) < 0.015
    assert float(found[4800:6400].std()) == pytest.approx(1, abs=0.1)
    assert float(with_pause(torch.zeros(4800), config, 0).std()) < 1e-4


def test_a_pause_around_speech_without_a_quiet_moment_is_quiet_all_the_same() -> None:
    config, speech = FeatureConfig(shortest_s=1.0), 0.1 * torch.randn(4800)
    assert float(with_pause(speech, config, 0)[4800:].std()) == pytest.approx(0.01, rel=0.05)
    assert float(with_pause(speech, config, 0, 0.03)[4800:].std()) == pytest.approx(0.03, rel=0.05)


def test_a_higher_tone_is_in_a_higher_bin() -> None:
    config = FeatureConfig(bins=80, normalize="none")
    loudest = [int(log_mel(tone(hz), config).mean(0).argmax()) for hz in (200, 800, 3000, 7000)]
    assert loudest == sorted(loudest)
    assert len(set(loudest)) == 4


def test_normalised_features_do_not_depend_on_loudness() -> None:
    torch.manual_seed(0)
    samples = 0.1 * torch.randn(16_000)
    config = FeatureConfig(bins=40)
    quiet, loud = log_mel(samples, config), log_mel(5 * samples, config)
    assert torch.allclose(quiet, loud, atol=0.02)
    assert float(quiet.mean()) == pytest.approx(0, abs=1e-4)
    assert float(quiet.std(0).mean()) == pytest.approx(1, abs=0.1)


def test_a_batch_holds_what_each_gives_alone() -> None:
    torch.manual_seed(0)
    segments = [torch.randn(16_000), torch.randn(8_000)]
    config = FeatureConfig(bins=40)
    batch, lengths = LogMel(config)(segments)
    assert batch.shape == (2, FRAMES_PER_S + 1, 40)
    assert lengths.tolist() == [101, 51]
    assert torch.equal(batch[1, :51], log_mel(segments[1], config))
    assert not batch[1, 51:].any()


def test_silence_is_finite() -> None:
    assert torch.isfinite(log_mel(torch.zeros(16_000), FeatureConfig())).all()


@pytest.mark.parametrize("wrong", [{"normalize": "batch"}, {"bins": 0}])
def test_unknown_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        FeatureConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("bins", [20, 40, 80, 128])
@pytest.mark.parametrize("fft", [400, 512])
def test_filters_are_those_of_torchaudio(fft: int, bins: int) -> None:
    """In its precision to the last bit, in more digits close to it."""
    from attnasr_cli.audio._torchaudio import torchaudio
    from attnasr_cli.audio.mel import mel_filters

    wanted = torchaudio.functional.melscale_fbanks(
        fft // 2 + 1, 0.0, 8e3, bins, 16_000, "slaney", "slaney"
    )
    assert torch.equal(mel_filters(fft, bins, torch.float32), wanted)
    torch.testing.assert_close(mel_filters(fft, bins), wanted, rtol=0, atol=1e-6)
