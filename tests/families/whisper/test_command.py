"""``attnasr transcribe`` with a Whisper model: both modes, and one line for what cannot work."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from attnasr_cli.app import main
from attnasr_cli.families.whisper.checkpoint import save_hf
from tests.families.whisper.conftest import ENGLISH, SMALL, noise

QUICK = ["--beam", "1", "--temperature", "0", "--no-vad", "--dtype", "float32"]


@pytest.fixture(scope="module")
def folders(pair, tmp_path_factory):
    """Two model folders and a recording."""
    path = tmp_path_factory.mktemp("models")
    for name, dims in (("small", SMALL), ("small.en", ENGLISH)):
        _, model = pair(dims)
        save_hf(path / name, model.net, model.tokenizer)
    soundfile.write(path / "a.wav", noise(1, 4.0).numpy(), 16_000)
    return path


def transcribe(folders, *args, model="small"):
    return main(["transcribe", "-m", str(folders / model), str(folders / "a.wav"), *args])


@pytest.mark.parametrize("option", ["--prompt", "--hotwords"])
def test_another_prompt_is_not_done_before(folders, capsys, tmp_path, option):
    args = [*QUICK, "-o", str(tmp_path / "out"), "-f", "json", option]
    assert transcribe(folders, *args, "Attnasr and Whisper") == 0
    table = json.loads((tmp_path / "out" / "a.json").read_text())
    assert table["options"][option[2:]] == "Attnasr and Whisper"
    assert transcribe(folders, *args, "Attnasr and Whisper") == 0
    assert transcribe(folders, *args, "something else") == 1
    assert "other options" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["batched", "sequential"])
def test_both_modes_write_json(folders, capsys, mode):
    thresholds = ["--logprob-threshold", "-99"]
    args = [*QUICK, *thresholds, "--mode", mode, "--language", "german", "-f", "json"]
    if mode == "sequential":
        args.remove("--no-vad")
    assert transcribe(folders, *args) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["language"] == "de"
    assert table["options"]["mode"] == mode
    assert table["options"]["temperature"] == [0.0]
    assert table["text"]
    for segment in table["segments"]:
        assert 0 <= segment["start"] <= segment["end"] <= 4.0
        assert segment["no_speech_prob"] is not None


@pytest.mark.parametrize(
    ("model", "args", "message"),
    [
        ("small", ["--language", "klingon"], "unknown language"),
        ("small.en", ["--language", "de"], "English only"),
        ("small.en", ["--task", "translate"], "English only"),
        ("small", ["--ctc-weight", "0.3"], "cannot use --ctc-weight"),
        ("small", ["--word-timestamps", "-f", "txt"], "--word-timestamps with format txt"),
        ("small", ["--mode", "sequential", "--max-segment", "10"], "--max-segment with"),
        ("small", ["--mode", "sequential", "--no-timestamps"], "--no-timestamps in sequential"),
        ("small", ["--dtype", "float16", "--device", "cpu"], "float16 is not for CPUs"),
    ],
)
def test_what_cannot_work_is_one_line_and_a_hint(folders, capsys, model, args, message):
    assert transcribe(folders, *args, model=model) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert message in lines[-2]
    assert lines[-1].startswith("hint: ")


def test_a_missing_vocabulary_file(folders, capsys):
    assert transcribe(folders, "--tokenizer", "nowhere.json") == 1
    assert "no tokenizer file nowhere.json" in capsys.readouterr().err


def test_attention_is_shown_over_the_recording(folders, tmp_path):
    """Rows are the tokens of the text; columns end where the recording does, not the window."""
    out = tmp_path / "a.npz"
    args = ["-m", str(folders / "small"), "--no-vad", "--language", "de", "--dtype", "float32"]
    assert main(["attend", str(folders / "a.wav"), "-o", str(out), *args]) == 0
    with np.load(out) as numbers:
        weights, tokens = numbers["weights_0"], numbers["tokens_0"].tolist()
        words = numbers["words_0"].tolist()
    assert weights.shape == (SMALL["n_text_layer"], SMALL["n_text_head"], len(tokens), 200)
    assert (weights.sum(-1) < 1).all()
    assert not any(token.startswith("<|") for token in tokens)
    for word, first, behind in words:
        parts = tokens[int(first) : int(behind)]
        assert "".join(parts).strip() == word or "\ufffd" in "".join(parts)
