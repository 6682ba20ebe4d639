"""What training refuses: another recipe or other data for a run, impossible values, two at once."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.checkpoint.tables import dumps
from attnasr_cli.files import Lock

CHANGES = {
    "config.layers=3": "config.layers = 2, the recipe has 3",
    "text.kind=bpe": 'text.kind = "char"',
    "optim.rate=1e-4": "optim.rate = 0.003, the recipe has 0.0001",
    "loss.ctc=0.3": "loss.ctc = 0.5",
    "batch.seconds=6": "batch.seconds = 12.0",
}


@pytest.mark.parametrize("change", CHANGES)
def test_going_on_with_another_recipe_is_refused(
    change: str, train: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("optim.updates=1") == 0
    capsys.readouterr()
    assert train(change) == 2
    assert CHANGES[change] in capsys.readouterr().err
    fixed = change.startswith(("config", "text"))
    assert train(change, options=("--accept-changes",)) == (2 if fixed else 0)


def test_a_run_of_an_older_version_lacks_keys_that_came_later(
    train: Callable[..., int], tiny_model: Path, tmp_path: Path
) -> None:
    own = ["config", "text", "features"]
    changes = [f"init.model={tiny_model}", "optim.updates=2"]
    recipe = tmp_path / "recipe.toml"
    table = tomllib.loads(recipe.read_text())
    recipe.write_text(dumps({k: v for k, v in table.items() if k not in own}))
    assert train(*changes) == 0
    stored = tmp_path / "out" / "recipe.toml"
    old = tomllib.loads(stored.read_text())
    del old["init"]["words"], old["run"]["patience"], old["data"]["dev_share"]
    stored.write_text(dumps(old))
    assert train(*changes, "optim.updates=3") == 0


def test_going_on_with_other_data_is_refused(
    train: Callable[..., int], tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("optim.updates=1") == 0
    rows = (tones / "train.tsv").read_text().replace("\ttrain", f"\t{tones}/train").splitlines()
    fewer = tmp_path / "fewer.tsv"
    fewer.write_text("\n".join(rows[:-1]) + "\n")
    assert train("optim.updates=2", data=fewer) == 2
    assert "40 utterances when it was begun, 39 now" in capsys.readouterr().err
    assert train("optim.updates=2", data=fewer, options=("--accept-changes",)) == 0


def test_a_model_that_was_made_elsewhere_is_not_overwritten(
    train: Callable[..., int], tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.toml").write_bytes((tiny_model / "model.toml").read_bytes())
    assert train() == 2
    assert "holds a model already" in capsys.readouterr().err


def test_two_runs_do_not_meet_in_one_folder(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "train").mkdir(parents=True)
    with Lock(tmp_path / "out" / "train" / "lock", "is training", "wait"):
        assert train() == 1
    err = capsys.readouterr().err
    assert f"another attnasr (process {os.getpid()}) is training into" in err


RANGES = {
    "run.evaluate=0": "evaluate is 0",
    "run.dev_utterances=0": "dev_utterances is 0",
    "data.speeds=[]": "speeds is empty",
    "data.speeds=[0.0]": "speeds is 0",
    "data.max_s=0.05": "not more than min_s",
    "augment.time_share=1.5": "time_share is 1.5",
    "augment.frequency_width=-1": "frequency_width is -1",
    "loss.inner=2.0": "inner is 2",
    "optim.rate=-1.0": "rate is -1",
    "optim.fall=2.0": "fall is 2",
    "batch.seconds=0.0": "seconds is 0",
    "text.vocab=0": "vocab is 0",
}


@pytest.mark.parametrize("change", RANGES)
def test_impossible_values_are_refused_before_anything_is_read(
    change: str, train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(change) == 2
    assert RANGES[change] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_sizes_are_checked_before_features_are_made(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("config.widht=32") != 0
    assert train("config.subsampling=3") != 0
    err = capsys.readouterr().err
    assert "did you mean 'width'" in err
    assert "features" not in err
    assert not (tmp_path / "out").exists()


def test_a_model_to_start_from_is_found_beside_the_recipe_and_decides(
    train: Callable[..., int], recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert train("optim.updates=1", out="first") == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    plain = recipe.read_text().replace('[text]\nkind = "char"\n', "")
    recipe.write_text(plain)
    assert train("init.model=first", "optim.updates=1", out="second") == 0
    assert train("init.model=first", "config.width=16", out="third") == 2
    assert "[config] width = 16, the model of [init] has 32" in capsys.readouterr().err
    assert train("init.model=first", "text.kind=char", "optim.updates=1", out="third") == 0
    assert train("init.model=first", "text.kind=unigram", out="fourth") == 2
    assert "[text] is set" in capsys.readouterr().err


def test_a_dev_set_that_is_trained_on_is_said(
    train: Callable[..., int], tones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("optim.updates=1", data=tones / "dev.tsv") == 0
    assert "6 of 6 dev recordings are trained on too" in capsys.readouterr().err
