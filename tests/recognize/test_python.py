"""Recordings as Python has them, options for one call, and what is kept in memory."""

from __future__ import annotations

import gc
import io
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import attnasr_cli
from attnasr_cli.errors import AttnasrError, AudioError, UsageError
from attnasr_cli.families import models
from attnasr_cli.recognize.recognizer import Recognizer, load
from tests.conftest import make_model

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32", "vad": False}


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Recognizer:
    return load(tiny_model, **CPU)


@pytest.fixture
def talk(speech_file: Callable[..., Path], tmp_path: Path) -> Path:
    return speech_file(tmp_path / "talk.wav", 3.0)


def test_arrays_and_files_give_what_their_path_gives(recognizer: Recognizer, talk: Path) -> None:
    [wanted] = recognizer.transcribe(talk)
    samples, rate = soundfile.read(talk, dtype="float32")
    integers, _ = soundfile.read(talk, dtype="int16")
    with talk.open("rb") as file:
        given = [
            samples,
            samples.astype(np.float64),
            integers,
            torch.from_numpy(samples),
            np.stack([samples, samples], 1),
            io.BytesIO(talk.read_bytes()),
            file,
        ]
        found = list(recognizer.transcribe(given))
    assert [t.text for t in found] == [wanted.text] * len(given)
    assert [t.duration for t in found] == [wanted.duration] * len(given)
    assert found[0].file == "array 1"
    assert found[-1].file == str(talk)
    [half] = recognizer.transcribe(samples, sample_rate=rate // 2)
    assert half.duration == pytest.approx(2 * wanted.duration)
    [channel] = recognizer.transcribe(np.stack([0 * samples, samples], 1), channel=2)
    assert channel.text == wanted.text


def test_nothing_is_left_on_the_disk(
    recognizer: Recognizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    list(recognizer.transcribe(np.zeros(16_000, np.float32)))
    for _ in recognizer.segments(np.zeros(16_000, np.float32)):
        break  # not read to the end
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.zeros((2, 16_000), np.float32), AudioError, r"\(2, 16000\)"),
        (np.zeros(16_000, np.int64), AudioError, "int64"),
        (np.full(16_000, np.nan, np.float32), AudioError, "array 1"),
        (np.zeros(3, np.float32), AudioError, "array 1"),
        (io.StringIO("text"), UsageError, "opened as text"),
        (3.5, UsageError, "type float"),
        ([3.5], UsageError, "type float"),
    ],
)
def test_what_is_no_recording_is_said(
    recognizer: Recognizer, given: Any, error: type[AttnasrError], message: str
) -> None:
    with pytest.raises(error, match=message):
        list(recognizer.transcribe(given))


def test_a_failure_is_reported_with_what_failed(recognizer: Recognizer, talk: Path) -> None:
    failed: list[object] = []
    given = [talk.parent / "none.wav", talk, np.zeros(3, np.float32)]
    done = list(recognizer.transcribe(given, on_error=lambda what, problem: failed.append(what)))
    assert len(done) == 1
    assert failed == [given[0], "array 1"]


def test_options_for_one_call(recognizer: Recognizer, tiny_model: Path, talk: Path) -> None:
    other = load(tiny_model, **CPU, beam=5, nbest=3, word_timestamps=True)
    [wanted] = other.transcribe(talk)
    [found] = recognizer.transcribe(talk, beam=5, nbest=3, word_timestamps=True)
    assert found.segments == wanted.segments
    assert found.options == wanted.options
    assert list(recognizer.segments(talk, beam=5, nbest=3, word_timestamps=True)) == found.segments
    [plain] = recognizer.transcribe(talk)
    assert plain.options == recognizer.options() != found.options
    [shorter] = recognizer.transcribe(talk, max_segment=1.0)
    assert len(shorter.segments) > len(plain.segments)
    with pytest.raises(UsageError, match="cannot use --best-of"):
        list(recognizer.transcribe(talk, best_of=3))
    with pytest.raises(UsageError, match="when a model is loaded"):
        list(recognizer.transcribe(talk, batch=3.0))


def test_a_changed_recogniser_shares_the_weights(recognizer: Recognizer) -> None:
    other = recognizer.changed(beam=7)
    assert other.decoders[0].net is recognizer.decoders[0].net  # type: ignore[attr-defined]
    assert other.options()["beam"] == 7
    assert other.changed(beam=None).options() == recognizer.options()


def test_a_segment_that_the_net_cannot_see_at_once_is_refused(recognizer: Recognizer) -> None:
    """It was cut off without a word."""
    longest = recognizer.decoders[0].max_segment_s
    with pytest.raises(UsageError, match="sees 20 s at once") as caught:
        recognizer.texts([torch.zeros(round(16_000 * longest) + 1)])
    assert "transcribe" in caught.value.hint
    assert len(recognizer.texts([torch.zeros(round(16_000 * longest))])) == 1


def test_weights_are_in_memory_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was loaded is let go where the decoder computes with another form of it."""
    kept: list[weakref.ref[Any]] = []
    real = models.load_as

    def watched(*args: Any, **extra: Any) -> Any:
        model = real(*args, **extra)
        kept.append(weakref.ref(model))
        return model

    monkeypatch.setattr(models, "load_as", watched)
    recognizer = load(make_model(tmp_path / "tiny"), **CPU)
    held = [ref() for ref in kept]
    nets = {id(decoder.net) for decoder in recognizer.decoders}  # type: ignore[attr-defined]
    assert all(model is None or id(model.net) in nets for model in held)
    del held
    del recognizer
    gc.collect()
    assert [ref() for ref in kept] == [None]


def test_everything_that_is_documented_is_public() -> None:
    for name in attnasr_cli.__all__:
        assert getattr(attnasr_cli, name) is not None
    assert issubclass(attnasr_cli.AudioError, attnasr_cli.AttnasrError)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = attnasr_cli.nothing_like_it
    assert set(attnasr_cli.__all__) <= set(dir(attnasr_cli))
