"""What helps where few speakers are there to learn from: a corpus's statistics, and a share of the
weights that a run began with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from attnasr_cli.app import main
from attnasr_cli.checkpoint.folder import read_header

SHORT = ("optim.updates=2", "run.evaluate=2")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return {k: v.float() for k, v in load_file(folder / "weights.safetensors").items()}


def test_a_run_measures_its_data_and_keeps_what_it_found(
    train: Callable[..., int], tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = ("features.normalize='corpus'", "features.shortest_s=1.5", "distort.levels=0.5")
    assert train(*SHORT, *corpus) == 0
    out = tmp_path / "out"
    features = read_header(out).features
    assert features.corpus is not None
    kept = json.loads((out / "train" / "statistics.json").read_text())
    assert tuple(kept["mean"]) == features.corpus.mean
    assert len(set(features.corpus.deviation)) > 10
    capsys.readouterr()
    assert main(["transcribe", "-m", str(out), str(tones / "dev0.wav"), "--device", "cpu"]) == 0

    # Going on: with what was found at the beginning, whatever one would find now.
    kept["mean"][0] += 1
    (out / "train" / "statistics.json").write_text(json.dumps(kept))
    assert train("optim.updates=4", "run.evaluate=2", *corpus) == 0
    again = read_header(out).features.corpus
    assert again is not None
    assert again.mean[0] == pytest.approx(features.corpus.mean[0] + 1)

    # A run that starts from this model has its statistics; one that asks for its own measures them.
    begin_from(tmp_path / "recipe.toml", out)
    assert train(*SHORT, out="third") == 0
    assert read_header(tmp_path / "third").features == read_header(out).features
    assert train(*SHORT, *corpus, out="fourth") == 0
    assert read_header(tmp_path / "fourth").features == features


def begin_from(recipe: Path, model: Path) -> None:
    """Put a model in the place of the sizes and the tokenizer of a recipe."""
    text = recipe.read_text()
    begin, end = text.index("[config]"), text.index("[data]")
    recipe.write_text(text[:begin] + f"[init]\nmodel = '{model}'\n" + text[end:])


def test_a_share_of_the_beginning_stays_in_what_is_kept(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*SHORT, out="first") == 0
    begin_from(tmp_path / "recipe.toml", tmp_path / "first")
    assert train("optim.updates=10", "run.evaluate=10", out="whole") == 0
    assert train("optim.updates=10", "run.evaluate=10", "init.share=0.25", out="mixed") == 0
    first, whole, mixed = (weights(tmp_path / name) for name in ("first", "whole", "mixed"))
    assert any(not torch.allclose(first[k], whole[k], atol=1e-3) for k in whole)
    for name, value in mixed.items():
        wanted = 0.25 * first[name] + 0.75 * whole[name]
        assert torch.allclose(value, wanted, atol=2e-3 * float(wanted.abs().max()) + 1e-5), name

    # Stopped and gone on: the share is still that of the model that the run began with.
    again = ("optim.updates=5", "run.evaluate=5", "optim.fall=0")
    assert train(*again, "init.share=0.25", out="parts") == 0
    longer = ("optim.updates=10", "run.evaluate=5", "optim.fall=0", "init.share=0.25")
    assert train(*longer, out="parts") == 0
    assert train(*longer, out="unbroken") == 0
    parts, unbroken = weights(tmp_path / "parts"), weights(tmp_path / "unbroken")
    assert all(torch.allclose(parts[k], unbroken[k], atol=1e-6) for k in unbroken)
    assert train("init.share=1.0", out="all") != 0
    assert "share" in capsys.readouterr().err
