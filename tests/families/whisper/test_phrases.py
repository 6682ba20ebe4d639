"""Whisper among the phrases of a list, in the forms that it writes them in."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import AttnasrError
from attnasr_cli.families.phrases.read import written_forms
from attnasr_cli.families.whisper.checkpoint import save_hf
from attnasr_cli.families.whisper.decode.decoder import WhisperDecoder
from attnasr_cli.families.whisper.decode.phrases import choose_phrases
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.recognize.recognizer import Recognizer
from attnasr_cli.testing.families import CPU
from tests.conftest import Ran
from tests.families.whisper.conftest import SMALL, noise


@pytest.fixture(scope="module")
def model(pair: Any) -> Model:
    found: Model = pair(SMALL)[1]
    return found


def test_a_phrase_is_written_with_or_without_capital_stop_and_digits() -> None:
    assert written_forms("seven", "de") == [" seven", " seven.", " Seven", " Seven."]
    assert " 25." in written_forms("twenty five", "en")
    assert written_forms("七", "ja") == ["七", "七."]


@torch.inference_mode()
def test_the_score_of_a_phrase_is_that_of_its_forms(model: Model) -> None:
    options = WhisperOptions(phrases=("left", "right"), language="en")
    decoder = WhisperDecoder(model, CPU, options)
    features, lengths = decoder.features([noise(1, 2.0)])
    memory = decoder.net.encode(features, lengths)
    assert decoder.phrases is not None
    starts = decoder.task.detect(memory)
    [choice] = choose_phrases(decoder.task, decoder.phrases, memory, starts, ())
    tokenizer = decoder.tokenizer
    prompt = tokenizer.start("en", "transcribe", False)
    total: dict[str, float] = {}
    for phrase in ("left", "right"):
        sums = []
        for form in written_forms(phrase, "en"):
            tokens = tokenizer.encode(form)
            fed = torch.tensor([[*prompt, *tokens]])
            rows = decoder.net.decode(memory, fed)[0, len(prompt) - 1 :].log_softmax(-1)
            wanted = torch.tensor([*tokens, tokenizer.eos])
            sums.append(rows[torch.arange(len(wanted)), wanted].sum())
        total[phrase] = float(torch.stack(sums).logsumexp(0))
    found = math.log(choice.probabilities["left"]) - math.log(choice.probabilities["right"])
    assert found == pytest.approx(total["left"] - total["right"], abs=0.02)


def test_by_the_command_line(model: Model, tmp_path: Path, attnasr: Callable[..., Ran]) -> None:
    save_hf(tmp_path / "model", model.net, model.tokenizer)
    soundfile.write(tmp_path / "a.wav", noise(1, 2.0).numpy(), 16_000)
    (tmp_path / "list.txt").write_text("left\nright now\n")
    args = ["transcribe", tmp_path / "a.wav", "-m", tmp_path / "model", "--no-vad"]
    args += ["--phrases", tmp_path / "list.txt", "-f", "json", "--dtype", "float32"]
    ran = attnasr(*args)
    assert ran.code == 0, ran.err
    table = json.loads(ran.out)
    assert table["text"] in ("left", "right now")
    [segment] = table["segments"]
    assert " ".join(word["word"].strip() for word in segment["words"]) == table["text"]
    assert json.loads(attnasr(*args, "--reject", 1).out)["text"] == ""
    assert "--mode batched" in attnasr(*args[:-5], *args[-5:], "--mode", "sequential").err


@pytest.mark.parametrize(
    ("option", "value"),
    [("temperature", 0.2), ("timestamps", True), ("best_of", 2), ("no_speech_threshold", 0.5)],
)
def test_what_is_for_free_text_is_refused(option: str, value: Any, model: Model) -> None:
    with pytest.raises(AttnasrError, match="with --phrases"):
        Recognizer.from_model(model, "cpu", "float32", phrases=["left"], **{option: value})
