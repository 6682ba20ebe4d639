"""``attnasr train --check``, ``--dry-run`` and ``--list``: nothing is computed, nothing written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.training.estimate import measure
from attnasr_cli.training.recipes import shipped
from attnasr_cli.training.recipes.read import read_recipe
from attnasr_cli.training.start import trial

Run = Callable[..., Any]


def test_a_check_says_what_is_in_the_data_and_what_is_wrong_with_it(
    recipe: Path, tones: Path, tmp_path: Path, attnasr: Run
) -> None:
    rows = (tones / "train.tsv").read_text().replace("\ttrain", f"\t{tones}/train")
    soundfile.write(tmp_path / "long.wav", np.zeros(16_000 * 30), 16_000)
    rows += f"long\t{tmp_path}/long.wav\tab\n"
    rows += f"gone\t{tmp_path}/gone.wav\tab\n"
    rows += f"fast\t{tones}/dev0.wav\t{'abcd' * 30}\n"
    (tmp_path / "train.tsv").write_text(rows)
    ran = attnasr(
        "train", recipe, "--check", "--train", tmp_path / "train.tsv", "--dev", tones / "dev.tsv"
    )
    assert ran.code == 0, ran.err
    assert "training: 43 utterances, 41 can be used" in ran.out
    assert "dev: 6 utterances" in ran.out
    assert "disk for features" in ran.out
    assert "M parameters" in ran.out
    assert re.search(r"time: .* at most for 12 updates by .*, at \d+ audio-s/s", ran.out)
    assert re.search(r"memory of each process: \d+\.\d\d GB", ran.out)
    assert "! 1 of 43 training recordings cannot be read: gone: no file" in ran.out
    assert "! 1 are longer than data.max_s = 20 s: long (30.0 s)" in ran.out
    assert "! 1 have more than 25 characters a second: is the text theirs?: fast" in ran.out
    assert "! 1 of 6 dev recordings are trained on too" in ran.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["long.wav", "recipe.toml", "train.tsv"]


def test_a_check_fails_where_nothing_can_be_trained(
    recipe: Path, tones: Path, attnasr: Run
) -> None:
    data = ["--train", tones / "train.tsv", "--dev", tones / "dev.tsv"]
    ran = attnasr("train", recipe, "--check", *data, "--set", "data.min_s=15")
    assert ran.code == 1
    assert "nothing to train" in ran.err
    assert attnasr("train", recipe, "--check", *data, "--set", "config.widht=3").code != 0
    assert attnasr("train", recipe, "--check", "--dev", tones / "train.tsv").code == 2


def test_a_dry_run_prints_the_recipe_with_all_defaults(
    recipe: Path, tmp_path: Path, attnasr: Run
) -> None:
    ran = attnasr("train", recipe, "--dry-run", "--set", "optim.updates=77")
    assert ran.code == 0
    table = tomllib.loads(ran.out)
    assert table["optim"]["updates"] == 77
    assert table["run"]["save_minutes"] == 3.0
    again = tmp_path / "again.toml"
    again.write_text(ran.out)
    assert read_recipe(again) == read_recipe(recipe, ["optim.updates=77"])


def test_recipes_that_ship_are_listed_and_taken_by_name(attnasr: Run) -> None:
    listed = attnasr("train", "--list")
    assert listed.code == 0
    assert "whisper-finetune  " in listed.out
    for name, file in shipped.recipes().items():
        assert name in listed.out
        if not name.endswith(("lm", "sentences")):  # recipes of their own kinds
            assert read_recipe(file).net
    assert attnasr("train", "whisper-finetune", "--dry-run").code == 0
    ran = attnasr("train", "wisper-finetune", "-o", "x")
    assert ran.code == 2
    assert "did you mean 'whisper-finetune'" in ran.err


@pytest.mark.parametrize(
    ("args", "message"),
    [([], "no recipe and no data"), (["whisper-finetune"], "no folder for the model")],
)
def test_what_is_missing_is_named(args: list[str], message: str, attnasr: Run) -> None:
    ran = attnasr("train", *args)
    assert ran.code == 2
    assert message in ran.err


def test_words_that_a_kept_tokenizer_cannot_write_are_named(
    tones: Path, tiny_model: Path, tmp_path: Path, attnasr: Run
) -> None:
    (tmp_path / "recipe.toml").write_text(
        f'name = "more"\nnet = "conformer"\n[init]\nmodel = "{tiny_model}"\n'
    )
    rows = (tones / "train.tsv").read_text().replace("\ttrain", f"\t{tones}/train")
    (tmp_path / "train.tsv").write_text(f"{rows}odd\t{tones}/dev0.wav\tab größer\n")
    data = ["--train", tmp_path / "train.tsv", "--dev", tones / "dev.tsv"]
    ran = attnasr("train", tmp_path / "recipe.toml", "--check", *data)
    assert ran.code == 0, ran.err
    assert "! 1 words that the tokenizer of [init] model cannot write: größer" in ran.out


def test_the_memory_of_audio_is_that_of_what_is_kept_for_the_way_back(recipe: Path) -> None:
    plan = read_recipe(recipe)
    net, targets, _ = trial(plan, None)
    costs = [measure(plan, net, targets, torch.device("cpu"), torch.float32) for _ in range(2)]
    assert costs[0].bytes == costs[1].bytes
    wide = read_recipe(recipe, ["config.layers=4"])
    more = measure(wide, *trial(wide, None)[:2], torch.device("cpu"), torch.float32)
    assert more.bytes > 1.3 * costs[0].bytes
