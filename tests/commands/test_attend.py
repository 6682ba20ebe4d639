"""``attnasr attend``: what the files hold, and that nothing is ignored."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.families.native.decoder import NativeDecoder
from attnasr_cli.recognize.recognizer import load
from tests.conftest import Ran, make_model

Attnasr = Callable[..., Ran]


@pytest.fixture
def recording(speech_file: Callable[..., Path], tmp_path: Path) -> Path:
    path = speech_file(tmp_path / "talk.wav", 3.0)
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.concatenate([samples, np.zeros(rate)]), rate)  # a silent end
    return path


def page_data(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize("net", ["conformer", "las", "transformer"])
def test_numbers_are_the_nets_own(
    net: str, tmp_path: Path, recording: Path, attnasr: Attnasr
) -> None:
    model, out = make_model(tmp_path / net, net), tmp_path / "a.npz"
    ran = attnasr("attend", recording, "-m", model, "-o", out, "--no-vad", "--dtype", "float32")
    assert (ran.code, ran.out) == (0, f"{out}\n"), ran.err
    with np.load(out, allow_pickle=False) as numbers:
        weights, tokens, words = (numbers[f"{key}_0"] for key in ("weights", "tokens", "words"))
        assert weights.ndim == 4
        assert weights.shape[2] == len(tokens)
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
        assert numbers["features_0"].shape[1] == 20
        text = " ".join(word for word, _, _ in words)
        rows = [row for _, a, b in words for row in range(int(a), int(b))]
        assert rows == sorted(set(rows))
        assert rows[-1] < len(tokens)
    said = attnasr("transcribe", recording, "-m", model, "--no-vad", "--dtype", "float32").out
    assert text.split() == said.split()


def test_the_page_holds_the_same_numbers(
    tmp_path: Path, tiny_model: Path, recording: Path, attnasr: Attnasr
) -> None:
    for name in ("a.npz", "a.html"):
        assert attnasr("attend", recording, "-m", tiny_model, "-o", tmp_path / name).code == 0
    data = page_data(tmp_path / "a.html")
    segment = data["segments"][0]
    found = np.frombuffer(base64.b64decode(segment["weights"]), np.uint8).reshape(segment["shape"])
    with np.load(tmp_path / "a.npz") as numbers:
        np.testing.assert_allclose((found / 255.0) ** 2, numbers["weights_0"], atol=0.004)
        assert segment["tokens"] == numbers["tokens_0"].tolist()
        assert segment["start"] == pytest.approx(numbers["start_s"][0], abs=1e-3)
    assert (data["layer"], data["head"]) == (None, None)


def test_times_are_those_of_the_recording(
    tmp_path: Path, tiny_model: Path, recording: Path, attnasr: Attnasr
) -> None:
    options = ("--no-vad", "--start", "1", "--end", "2.5", "--layer", "1", "--head", "2")
    ran = attnasr("attend", recording, "-m", tiny_model, "-o", tmp_path / "a.html", *options)
    assert ran.code == 0, ran.err
    data = page_data(tmp_path / "a.html")
    assert [(s["start"], s["duration"]) for s in data["segments"]] == [(1.0, 1.5)]
    assert (data["layer"], data["head"]) == (1, 2)
    assert data["segments"][0]["shape"][:2] == [1, 1]


@pytest.mark.parametrize(
    ("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_pictures(
    suffix: str, begin: bytes, tmp_path: Path, tiny_model: Path, recording: Path, attnasr: Attnasr
) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / f"a.{suffix}"
    ran = attnasr("attend", recording, "-m", tiny_model, "-o", out, "--head", "1")
    assert ran.code == 0, ran.err
    assert out.read_bytes().startswith(begin)


def test_without_matplotlib(
    tmp_path: Path, tiny_model: Path, recording: Path, attnasr: Attnasr, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    ran = attnasr("attend", recording, "-m", tiny_model, "-o", tmp_path / "a.png")
    assert ran.code == 1
    assert "attnasr[plot]" in ran.err
    assert not (tmp_path / "a.png").exists()


BAD = {
    "format": (["-o", "a.gif"], 2, "has no picture format"),
    "layer": (["-o", "a.html", "--layer", "3"], 2, "has 1 layer"),
    "head": (["-o", "a.html", "--head", "0"], 2, "heads count from 1"),
    "end": (["-o", "a.html", "--start", "2", "--end", "1"], 2, "not after the start"),
    "start": (["-o", "a.html", "--start", "-1"], 2, "use 0 or more"),
    "nothing": (["-o", "a.html", "--start", "3.1"], 1, "nothing was said there"),
    "option": (["-o", "a.html", "--language", "de"], 2, "--language"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(
    case: str, tmp_path: Path, tiny_model: Path, recording: Path, attnasr: Attnasr,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    args, code, message = BAD[case]
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    ran = attnasr("attend", recording, "-m", tiny_model, *args)
    assert ran.code == code
    assert message in ran.err
    assert ran.err.count("error:") == 1
    assert set(tmp_path.iterdir()) == before


def test_a_folder_is_no_recording(tmp_path: Path, tiny_model: Path, attnasr: Attnasr) -> None:
    ran = attnasr("attend", tmp_path, "-m", tiny_model, "-o", tmp_path / "a.html")
    assert (ran.code, ran.err.count("\n")) == (2, 2)


def test_rows_are_what_the_decoder_saw_before_each_token(tiny_model: Path) -> None:
    """The row of a token is the step that wrote it: a longer text does not change it."""
    from dataclasses import replace

    decoder = load(tiny_model, dtype="float32", device="cpu").decoders[0]
    assert isinstance(decoder, NativeDecoder)
    samples = torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    found = decoder.decode([samples])[0]
    assert len(found.pieces[0].tokens) > 2
    shorter = replace(found, pieces=[replace(found.pieces[0], tokens=found.pieces[0].tokens[:2])])
    longer = decoder.attention(samples, found)
    short = decoder.attention(samples, shorter)
    torch.testing.assert_close(short.weights, longer.weights[:, :, :2])
