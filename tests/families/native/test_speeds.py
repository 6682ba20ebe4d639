"""Other speeds at which the CTC head hears a segment: its scores are the mean over all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from attnasr_cli.audio.load import load
from attnasr_cli.audio.resample import change_speed
from attnasr_cli.checkpoint.folder import DecodingConfig, Model
from attnasr_cli.device import choose
from attnasr_cli.errors import ModelError
from attnasr_cli.families import models
from attnasr_cli.families.native.decoder import NativeDecoder
from attnasr_cli.families.native.options import NativeOptions

SAMPLE = Path(__file__).parents[3] / "examples" / "sample.flac"
PHRASES = ("b", "bad", "jig")


@pytest.fixture(scope="module")
def samples() -> Tensor:
    return load(SAMPLE, 0.0, 1.3)


def decoder(path: Path, speeds: tuple[float, ...], ctc_weight: float = 0.5) -> NativeDecoder:
    model: Model = models.load(str(path))
    decoding = replace(model.decoding, speeds=speeds, ctc_weight=ctc_weight)
    model = replace(model, header=replace(model.header, decoding=decoding))
    return NativeDecoder(model, choose("cpu", "float32"), NativeOptions(phrases=PHRASES))


@torch.inference_mode()
def scores(decoder: NativeDecoder, segments: list[Tensor]) -> list[dict[str, float]]:
    """The score of every phrase in each segment."""
    assert decoder.phrases is not None
    memory = decoder._encoded(segments)
    logits, others = decoder.net.ctc(memory).float(), decoder._others(segments)
    found = decoder.search.among(decoder.phrases.scorer, memory, logits, others)
    decode = decoder.model.tokenizer.decode
    return [{decode(h.tokens): h.score for h in one} for one in found]


def test_the_score_is_the_mean_over_the_speeds(tiny_model: Path, samples: Tensor) -> None:
    [found] = scores(decoder(tiny_model, (0.8, 1.2), 1.0), [samples])
    plain = decoder(tiny_model, (), 1.0)
    parts = [scores(plain, [change_speed(samples, speed)])[0] for speed in (1.0, 0.8, 1.2)]
    assert set(found) == set(PHRASES)
    for phrase, score in found.items():
        each = [part[phrase] for part in parts]
        assert score == pytest.approx(sum(each) / 3, abs=1e-3)
        assert max(each) - min(each) > 0.01


def test_alone_is_in_a_batch(tiny_model: Path, samples: Tensor) -> None:
    segments = [samples, samples[4000:16_000]]
    given = decoder(tiny_model, (0.9, 1.1))
    together = scores(given, segments)
    for one, wanted in zip(segments, together, strict=True):
        assert scores(given, [one])[0] == pytest.approx(wanted, abs=1e-3)


def test_phrases_and_free_text_hear_them(tiny_model: Path, samples: Tensor) -> None:
    def heard(speeds: tuple[float, ...]) -> tuple[dict[str, float], float]:
        one = decoder(tiny_model, speeds)
        free = one.changed(NativeOptions(beam=1))
        [chosen], [written] = one.decode([samples]), free.decode([samples])
        return chosen.extra["phrases"], written.avg_logprob

    plain, moved = heard(()), heard((0.6, 1.7))
    assert plain[0] != moved[0]
    assert plain[1] != moved[1]


def test_a_speed_that_nobody_speaks_at_is_refused() -> None:
    with pytest.raises(ModelError, match=r"decoding\.speeds has 3"):
        DecodingConfig(speeds=(0.9, 3.0))
    with pytest.raises(ModelError, match="without a ctc_weight"):
        DecodingConfig(speeds=(0.9,), ctc_weight=0.0)
