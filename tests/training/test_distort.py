"""Each distortion does what its name says, by measurement; a recipe switches them on."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.app import main
from attnasr_cli.audio.resample import change_speed
from attnasr_cli.errors import UsageError
from attnasr_cli.families.recipe.sections import DistortConfig
from attnasr_cli.training.augment import distort, rooms
from attnasr_cli.training.augment.codecs import CODECS, through_codec, through_telephone
from attnasr_cli.training.augment.distort import Distortion
from attnasr_cli.training.augment.fourier import fast_size
from attnasr_cli.training.parallel.gradients import Gradients, Row
from attnasr_cli.training.recipes.read import read_recipe

NAMES = ("noise", "rooms", "bands", "levels", "telephone", "codecs")


def tone(hertz: float, seconds: float = 1.0, amplitude: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * 16_000)) / 16_000
    return (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def gain_db(after: np.ndarray, before: np.ndarray) -> float:
    return float(10 * np.log10(distort.power(after) / distort.power(before)))


@pytest.mark.parametrize("name", NAMES)
@given(length=st.integers(2000, 20_000), seed=st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_a_distortion_changes_the_sound_and_not_its_length(
    name: str, length: int, seed: int
) -> None:
    speech = torch.from_numpy(tone(440, 2)[:length])
    apply = Distortion(replace(DistortConfig(), **{name: 1.0}))
    out = apply(speech, np.random.default_rng(seed))
    assert out.shape == speech.shape
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()
    assert not torch.equal(out, speech)
    assert torch.equal(out, apply(speech, np.random.default_rng(seed)))


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_silence(name: str) -> None:
    apply = Distortion(replace(DistortConfig(), **{name: 1.0}))
    out = apply(torch.zeros(8000), np.random.default_rng(0))
    assert float(out.abs().max()) < 1e-3


def test_nothing_happens_at_probability_0_and_half_of_the_time_at_a_half() -> None:
    speech = torch.from_numpy(tone(440, 0.1))
    draw = np.random.default_rng(3)
    assert torch.equal(Distortion(DistortConfig())(speech, draw), speech)
    half = Distortion(DistortConfig(levels=0.5))
    changed = sum(not torch.equal(half(speech, draw), speech) for _ in range(400))
    assert 150 < changed < 250


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_noise_has_the_power_that_the_ratio_says(snr_db: float) -> None:
    speech = tone(440)
    noise = distort.coloured(len(speech), 1.0, np.random.default_rng(0))
    added = distort.add(speech, noise, snr_db) - speech
    assert gain_db(speech, added) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize(("slope", "octave_db"), [(0.0, 0.0), (1.0, -3.0), (2.0, -6.0)])
def test_the_colour_of_noise_is_its_fall_an_octave(slope: float, octave_db: float) -> None:
    noise = distort.coloured(1 << 17, slope, np.random.default_rng(0))
    density = np.square(np.abs(np.fft.rfft(noise)))
    hertz = np.fft.rfftfreq(len(noise), 1 / 16_000)
    low, high = (density[(hertz > f) & (hertz < 1.1 * f)].mean() for f in (500, 4000))
    assert 10 * np.log10(high / low) / 3 == pytest.approx(octave_db, abs=0.3)


def test_recorded_noise_is_used_from_any_place_and_repeated_where_it_is_short() -> None:
    recorded = tone(2000, 0.05)
    apply = Distortion(DistortConfig(noise=1.0, snr_db=(0.0, 0.0)), [recorded])
    speech = tone(440)
    peaks = set()
    for seed in range(20):
        added = apply(torch.from_numpy(speech), np.random.default_rng(seed)).numpy() - speech
        spectrum = np.abs(np.fft.rfft(added))
        if spectrum[2000] > 0.4 * spectrum.sum():
            peaks.add(round(float(np.angle(np.fft.rfft(added)[2000])), 3))
    assert len(peaks) > 3


def test_the_band_passes_its_middle_and_stops_the_rest() -> None:
    for hertz, least, most in ((1000, -0.1, 0.1), (50, -60, -40), (7000, -60, -20)):
        out = distort.band_limited(tone(hertz), 250, 3400)
        assert least < gain_db(out, tone(hertz)) < most


def test_a_level_is_the_root_mean_square_and_peaks_are_cut_off() -> None:
    assert gain_db(distort.at_level(tone(440), -30), np.ones(1, np.float32)) == pytest.approx(-30)
    loud = distort.at_level(tone(440), 3)
    assert np.abs(loud).max() == 1.0
    assert (np.abs(loud) == 1.0).mean() > 0.3


def test_the_telephone_keeps_what_is_below_4_khz_but_for_its_8_bits() -> None:
    kept = tone(1000)
    noise_db = gain_db(through_telephone(kept) - kept, kept)
    assert -42 < noise_db < -30  # about 38 dB in G.711
    assert distort.power(through_telephone(tone(6000))) < 1e-6


@pytest.mark.parametrize("kind", sorted(CODECS))
def test_a_codec_gives_back_the_sound_within_its_delay(kind: str) -> None:
    speech = tone(700) * np.hanning(16_000).astype(np.float32)
    out = through_codec(speech, kind, 32_000)
    assert abs(gain_db(out, speech)) < 1.5
    lags = np.fft.irfft(np.fft.rfft(out, 1 << 15) * np.fft.rfft(speech, 1 << 15).conj())
    assert np.abs(lags).argmax() < 2400 or np.abs(lags).argmax() > (1 << 15) - 100
    assert lags.max() > 0.9 * distort.power(speech) * len(speech)


def test_a_diffuse_room_dies_away_with_its_time_constant() -> None:
    response = rooms.diffuse(0.1, -60, np.random.default_rng(0))
    power = np.square(response)
    first, second = power[:1600].sum(), power[1600:3200].sum()  # 0.1 s each
    assert first / second == pytest.approx(np.exp(2), rel=0.15)
    direct = rooms.diffuse(0.1, 10, np.random.default_rng(0))
    assert np.square(direct[0]) / np.square(direct[1:]).sum() == pytest.approx(10, rel=0.1)


def test_the_echoes_of_a_shoebox_come_when_sound_has_travelled() -> None:
    sides, mouth, microphone = np.array([40.0, 40.0, 40.0]), np.full(3, 20.0), np.full(3, 20.0)
    mouth[0], microphone[0] = 3.0, 5.0
    response = rooms.shoebox(sides, mouth, microphone, 0.8)
    assert response[0] == pytest.approx(1.0)
    # By way of the wall at 0 it is 3 + 5 m and not 2 m: 6 m later, a quarter as loud, times 0.8.
    echo = round(6 / rooms.SOUND_M_PER_S * 16_000)
    assert np.flatnonzero(response)[1] == echo
    assert response[echo] == pytest.approx(0.8 / 4)


def test_a_room_keeps_the_power() -> None:
    draw = np.random.default_rng(1)
    for _ in range(6):
        wet = rooms.convolve(tone(500), rooms.random_room(draw))
        assert gain_db(wet, tone(500)) == pytest.approx(0, abs=0.01)


def train(recipe: Path, out: Path, tones: Path, *changes: str) -> int:
    sets = [part for change in changes for part in ("--set", change)]
    return main(
        ["train", str(recipe), "-o", str(out), "--train", str(tones / "train.tsv"),
         "--dev", str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32",
         "--workers", "1", *sets]
    )  # fmt: skip


def test_training_distorts_anew_and_goes_on_as_if_unbroken(
    recipe: Path, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hiss = tmp_path / "hiss"
    hiss.mkdir()
    noise = 0.1 * distort.coloured(8000, 1.0, np.random.default_rng(0))
    soundfile.write(hiss / "a.wav", noise, 16_000)
    distorted = [
        "distort.noise=0.7", "distort.noise_folder=hiss", "distort.rooms=0.3",
        "data.speeds=[0.9, 1.0]", "optim.fall=0.0",
    ]  # fmt: skip

    def weights(name: str) -> bytes:
        return (tmp_path / name / "weights.safetensors").read_bytes()

    assert train(recipe, tmp_path / "clean", tones, *distorted[3:]) == 0
    assert train(recipe, tmp_path / "whole", tones, *distorted) == 0
    assert train(recipe, tmp_path / "parts", tones, *distorted, "optim.updates=6") == 0
    assert train(recipe, tmp_path / "parts", tones, *distorted) == 0
    assert weights("whole") == weights("parts") != weights("clean")

    if "fork" in multiprocessing.get_all_start_methods():  # the same features, made elsewhere
        here, augmented = list[Row](), Gradients._augmented

        def counted(self: Gradients, row: Row, seed: int) -> torch.Tensor:
            here.append(row)
            return augmented(self, row, seed)

        monkeypatch.setattr(Gradients, "_augmented", counted)
        assert train(recipe, tmp_path / "ahead", tones, *distorted, "batch.ahead=2") == 0
        assert not here
        assert weights("ahead") == weights("whole")


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("shortest_s", [0.0, 0.4])
def test_frames_are_known_before_they_are_computed(
    tmp_path: Path, keep: bool, shortest_s: float
) -> None:
    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.training.data.waveforms import open_drawn_corpus
    from attnasr_cli.training.formats.utterance import Utterance

    sizes = [4000, 5001, 7999, 16_000]
    utterances = [Utterance(str(n), tmp_path / str(n), "a") for n in sizes]
    corpus = open_drawn_corpus(
        tmp_path, utterances, FeatureConfig(shortest_s=shortest_s), (0.9, 1.0, 1.1), 20.0,
        Distortion(DistortConfig()), keep,
        lambda utterance, longest_s: torch.ones(int(utterance.id)),
    )  # fmt: skip
    draw = np.random.default_rng(0)
    for features in corpus.features:
        lengths = features.lengths().tolist()
        assert lengths == [features.get(i, draw).shape[0] for i in range(len(sizes))]
    assert corpus.seconds().tolist() == [n / 16_000 for n in sizes]
    assert change_speed(torch.ones(4000), 1.0).shape == (4000,)


@pytest.mark.parametrize("pauses", [0.0, 0.5, 1.0])
def test_pauses_of_training_have_any_noise(tmp_path: Path, pauses: float) -> None:
    from attnasr_cli.audio.features import FeatureConfig, log_mel
    from attnasr_cli.training.data.waveforms import open_drawn_corpus
    from attnasr_cli.training.formats.utterance import Utterance

    speech = torch.from_numpy(tone(440, 0.5))
    config = FeatureConfig(normalize="none", shortest_s=1.0)
    corpus = open_drawn_corpus(
        tmp_path, [Utterance("a", tmp_path / "a", "a")], config, (1.0,), 20.0,
        Distortion(DistortConfig(pauses=pauses)), False, lambda utterance, longest_s: speech,
    )  # fmt: skip
    draw = np.random.default_rng(5)
    # Far above the tone there is only the noise of the pause.
    found = [float(corpus.features[0].get(0, draw)[:, -1].mean()) for _ in range(40)]
    usual = float(log_mel(speech, config)[:, -1].mean())
    drawn = [abs(one - usual) > 0.3 for one in found]
    if pauses == 0.5:
        assert 10 < sum(drawn) < 30
    else:
        assert sum(drawn) >= 35 if pauses else not any(drawn)
    # 32 dB between the softest and the loudest, as logarithms of power.
    assert (max(found) - min(found) > 5) == (pauses > 0)
    assert max(found) - min(found) < 3.2 * np.log(10) + 0.6


BAD = [
    ("distort.rooms=1.5", "a probability, 0 to 1"),
    ("distort.snr_db=[10, 0]", "the least comes first"),
    ("distort.noise_folder=hiss", "its probability, is 0"),
    ("distort.pauses=0.5", "without .features. shortest_s"),
    ("distort.hiss=0.5", "hiss"),
]


@pytest.mark.parametrize(("change", "why"), BAD)
def test_a_bad_table_is_refused_with_its_reason(recipe: Path, change: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_recipe(recipe, [change])


def test_a_folder_without_noise_is_named(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    changes = ("distort.noise=0.5", "distort.noise_folder=empty")
    assert train(recipe, tmp_path / "out", tones, *changes) == 2
    assert "no noise recordings in" in capsys.readouterr().err


@given(st.integers(1, 2_000_000))
def test_the_sizes_of_transforms_are_a_little_larger_and_have_small_factors(length: int) -> None:
    size = fast_size(length)
    assert length <= size <= length * 9 / 8 + 1
    for prime in (2, 3, 5, 7, 11, 13):
        while size % prime == 0:
            size //= prime
    assert size == 1


@pytest.mark.parametrize("length", [1, 16_223, 159_979])
def test_distorted_speech_is_as_long_as_before(length: int) -> None:
    draw = np.random.default_rng(1)
    speech = draw.standard_normal(length, dtype=np.float32)
    assert distort.coloured(length, 1.0, draw).shape == (length,)
    assert distort.band_limited(speech, 100.0, 5000.0).shape == (length,)
    assert rooms.convolve(speech, rooms.random_room(draw)).shape == (length,)
