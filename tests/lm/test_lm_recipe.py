"""``attnasr train`` with a recipe for a language model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attnasr_cli.app import main
from attnasr_cli.lm import train as training
from attnasr_cli.lm.train import LmConfig, train_ngram


@pytest.fixture
def recipe(tmp_path: Path, text: Path) -> Path:
    path = tmp_path / "lm.toml"
    path.write_text(f'[lm]\ntexts = [["{text}", 1]]\norder = 3\nmin_count = 1\n')
    return path


UNUSED = [
    ["--dev", "x.tsv"], ["--device", "cpu"], ["--dtype", "float32"], ["--threads", "2"],
    ["--workers", "2"], ["--cache", "x"],
]  # fmt: skip


@pytest.mark.parametrize("option", UNUSED, ids=lambda option: option[0])
def test_options_that_a_language_model_does_not_use_are_refused(
    option: list[str], recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(recipe), "-o", str(tmp_path / "out"), *option]) == 2
    assert f"does not use {option[0]}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_set_changes_the_recipe(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["train", str(recipe), "-o", str(out), "--set", "lm.order=2"]) == 0
    counted = capsys.readouterr().err.partition("n-grams of each order: (")[2].partition(")")[0]
    assert len(counted.split(",")) == 2


WRONG = {
    "order = 3\nmin_count = 1\nodrer = 2": "did you mean 'order'",
    'order = "three"': "not of type int",
    "order = 7": "order = 7",
}


@pytest.mark.parametrize("content", WRONG)
def test_wrong_keys_are_named(
    content: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "lm.toml"
    recipe.write_text(f'[lm]\ntexts = [["{text}", 1]]\n{content}\n')
    assert main(["train", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert WRONG[content] in capsys.readouterr().err


@pytest.mark.parametrize("texts", ['[["a.txt"]]', '["a.txt"]', '[["a.txt", "b"]]', "3"])
def test_wrong_texts_are_refused(
    texts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "lm.toml"
    recipe.write_text(f"[lm]\ntexts = {texts}\n")
    assert main(["train", str(recipe), "-o", str(tmp_path / "out")]) == 2
    assert "lm.texts" in capsys.readouterr().err


def test_the_last_attempt_under_the_limit_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    lines = [" ".join(f"w{int(i)}" for i in rng.zipf(1.5, 9) % 200) for _ in range(500)]
    text = tmp_path / "text.txt"
    text.write_text("\n".join(lines))
    whole = train_ngram(LmConfig(((str(text), 1),), max_mb=0), tmp_path / "whole.safetensors")
    thresholds = iter([1e-3, 0.0])  # far under the limit, then far above it

    def next_threshold(*_: Any) -> float:
        return next(thresholds)

    monkeypatch.setattr(training, "threshold_for", next_threshold)
    monkeypatch.setattr(training, "ATTEMPTS", 2)
    limit = 0.8 * whole.bytes / 1e6
    pruned = train_ngram(LmConfig(((str(text), 1),), max_mb=limit), tmp_path / "small.safetensors")
    assert pruned.bytes <= limit * 1e6


def test_a_limit_that_cannot_be_met_is_said(
    recipe: Path, tmp_path: Path, attnasr: Callable[..., Any]
) -> None:
    ran = attnasr("train", recipe, "-o", tmp_path / "out", "--set", "lm.max_mb=0.0001")
    assert ran.code == 0
    assert "more than max_mb = 0.0001" in ran.err
