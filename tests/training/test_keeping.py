"""What a run keeps: the best model and never a worse one, what it was made of, what it left out."""

from __future__ import annotations

import errno
import json
import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from attnasr_cli.app import main
from attnasr_cli.checkpoint.folder import read_header
from attnasr_cli.errors import OutputError
from attnasr_cli.scoring.api import score
from attnasr_cli.training import best
from attnasr_cli.training.loss import losses
from attnasr_cli.training.parallel import gradients
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.resume import TrainState, load_state, save_state


def scripted(monkeypatch: pytest.MonkeyPatch, *wers: int) -> list[int]:
    """Evaluations give these WERs in tenths; the number of utterances of each is returned."""
    left, sizes = list(wers), []

    def evaluate(model: Any, utterances: Any, *_: Any) -> Any:
        sizes.append(len(utterances))
        wrong = left.pop(0)
        return score("a a a a a a a a a a", " ".join(["b"] * wrong + ["a"] * (10 - wrong)))

    monkeypatch.setattr(best, "evaluate", evaluate)
    return sizes


def weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()


def test_the_end_of_a_run_never_overwrites_a_better_model(
    train: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = "run.dev_utterances=2"
    assert train(part, "optim.updates=6", "optim.fall=0.0", out="short") == 0
    # update 6 is the best one; at the end both are measured on all of the dev set
    sizes = scripted(monkeypatch, 2, 5, 6, 3)
    assert train(part, "optim.fall=0.0") == 0
    assert sizes == [2, 2, 6, 6]
    assert weights(tmp_path / "out") == weights(tmp_path / "short")
    origin = read_header(tmp_path / "out").origin
    assert (origin["updates"], origin["dev_wer"], origin["dev_utterances"]) == (6, 0.3, 6)
    # going on with it, to something worse
    scripted(monkeypatch, 7, 8, 3)
    assert train(part, "optim.fall=0.0", "optim.updates=18") == 0
    assert weights(tmp_path / "out") == weights(tmp_path / "short")
    assert "WER 30.00 %" in (tmp_path / "out" / "README.md").read_text()


def test_the_last_model_is_kept_where_it_is_better_on_the_whole_dev_set(
    train: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, 2, 3, 5, 6)
    assert train("run.dev_utterances=2") == 0
    assert read_header(tmp_path / "out").origin["updates"] == 12
    assert read_header(tmp_path / "out").origin["dev_wer"] == 0.5


def test_what_was_evaluated_is_not_evaluated_again(
    train: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = scripted(monkeypatch, 5, 4)
    assert train() == 0  # dev_utterances are all: the last evaluation is the final one
    assert sizes == [6, 6]
    assert train() == 0  # done before
    assert sizes == [6, 6]


def test_a_model_that_another_process_has_yet_to_write_is_not_lost(tmp_path: Path) -> None:
    class Writing(World):
        """Meets a main process that has just written the model."""

        def gather(self, value: Any) -> list[Any]:
            (tmp_path / "model.toml").touch()
            return [value, value]

    state = TrainState(best_wer=0.25, best_update=6)
    kept = best.Best.__new__(best.Best)
    kept.out, kept.world = tmp_path, Writing(1, 2)
    kept._forget_lost(state)
    assert (state.best_wer, state.best_update) == (0.25, 6)
    kept.world = World()
    (tmp_path / "model.toml").unlink()
    kept._forget_lost(state)
    assert state.best_update == 0


def test_a_run_ends_early_where_nothing_gets_better(
    train: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    long = ("optim.updates=60", "run.patience=2")
    sizes = scripted(monkeypatch, 5, 3, 4, 4)
    assert train(*long) == 0
    assert "no better WER in 2 evaluations: the run ends here" in capsys.readouterr().err
    assert read_header(tmp_path / "out").origin["updates"] == 12
    assert train(*long) == 0  # done
    assert len(sizes) == 4
    scripted(monkeypatch, 2, 2, 2, 2)
    assert train("optim.updates=36", "run.patience=0") == 0  # all the same
    assert read_header(tmp_path / "out").origin["updates"] == 36


def test_the_mean_of_the_best_evaluations_is_kept_where_it_is_better(
    train: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean = ("optim.updates=24", "run.average_best=2", "optim.fall=0.0")
    scripted(monkeypatch, 6, 4, 5, 7, 3)  # updates 6, 12, 18, 24, then the mean
    assert train(*mean) == 0
    origin = read_header(tmp_path / "out").origin
    assert (origin["mean_of_updates"], origin["dev_wer"]) == ([12, 18], 0.3)
    top = tmp_path / "out" / "train" / "top"
    assert sorted(p.name for p in top.iterdir()) == ["12.pt", "18.pt"]
    kept = load_file(tmp_path / "out" / "weights.safetensors")
    parts = [load_state(top / f"{update}.pt") for update in (12, 18)]
    for name, value in kept.items():
        torch.testing.assert_close(value, (parts[0][name] + parts[1][name]) / 2)
    scripted(monkeypatch, 6, 4, 5, 7, 4)  # no better: the best one stays
    assert train(*mean, out="other") == 0
    assert read_header(tmp_path / "other").origin["updates"] == 12


def test_the_worst_utterances_of_every_evaluation_are_kept(
    train: Callable[..., int], tones: Path, tmp_path: Path
) -> None:
    assert train() == 0
    rows = [line.split("\t") for line in
            (tmp_path / "out" / "train" / "worst.tsv").read_text().splitlines()]  # fmt: skip
    assert rows[0] == ["update", "wer", "errors", "id", "reference", "hypothesis", "path"]
    assert {row[0] for row in rows[1:]} == {"6", "12"}
    assert all(len(row) == 7 and int(row[2]) > 0 for row in rows[1:])
    texts = dict(line.split("\t")[::2] for line in (tones / "dev.tsv").read_text().splitlines())
    assert all(texts[row[3]] == row[4] and row[6].endswith(".wav") for row in rows[1:])


def test_a_dev_set_that_has_changed_is_measured_anew(
    train: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, 5, 4)
    assert train() == 0
    sizes = scripted(monkeypatch, 6, 7, 8, 8)  # of the best on two, then what goes on
    assert train("run.dev_utterances=2", "optim.updates=18") == 0
    assert sizes == [2, 2, 6, 6]


def test_the_wer_is_that_of_use(
    train: Callable[..., int], tones: Path, tmp_path: Path, attnasr: Callable[..., Any]
) -> None:
    assert train("optim.updates=40", "run.evaluate=40", "decoding.beams=16") == 0
    origin = read_header(tmp_path / "out").origin
    stored = origin["dev_wer"], origin["dev_cer"]

    def used(*more: str) -> tuple[float, float]:
        file = tmp_path / "score.json"
        options = ["--model", tmp_path / "out", "--normalizer", "lower", "-o", file, *more]
        assert attnasr("score", tones / "dev.tsv", *options).code == 0
        found = json.loads(file.read_text())
        return _found(found, "wer"), _found(found, "cer")

    assert used() == pytest.approx(stored, abs=1e-4)
    assert used("--option", "beam=1") != pytest.approx(stored, abs=1e-4)  # or this says nothing


def _found(tree: Any, name: str) -> Any:
    """The first number of a name in nested JSON."""
    if isinstance(tree, dict):
        if isinstance(tree.get(name), float | int):
            return tree[name]
        tree = list(tree.values())
    if isinstance(tree, list):
        return next((f for f in (_found(item, name) for item in tree) if f is not None), None)
    return None


def test_a_folder_says_what_it_was_made_of(train: Callable[..., int], tmp_path: Path) -> None:
    assert train("optim.updates=2") == 0
    out = tmp_path / "out"
    made = tomllib.loads((out / "recipe.toml").read_text())
    assert made["optim"]["updates"] == 2
    assert made["optim"]["clip"] == 5.0  # a default
    assert made["data"]["train"][0].endswith("train.tsv")
    rows = (out / "data.tsv").read_text().splitlines()
    assert len(rows) == 1 + 40 + 6
    origin = read_header(out).origin
    assert {"attnasr", "torch", "seed", "processes", "train_sha256", "date"} <= set(origin)
    assert "attnasr score dev.tsv" in (out / "README.md").read_text()
    # the stored recipe makes the same model again
    again = tmp_path / "again"
    assert main(["train", str(out / "recipe.toml"), "-o", str(again), "--device", "cpu",
                 "--dtype", "float32", "--workers", "1"]) == 0  # fmt: skip
    assert weights(again) == weights(out)


def test_gradients_that_are_not_finite_are_said_and_end_a_run(
    train: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*args: Any) -> Any:
        found = losses(*args)
        return found._replace(total=found.total * float("nan"))

    monkeypatch.setattr(gradients, "losses", broken)
    assert train("optim.updates=100") == 1
    err = capsys.readouterr().err
    assert "20 updates in a row" in err
    assert "no step is made" in err


@pytest.mark.parametrize(
    "problem",
    [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(),
     RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")],
)  # fmt: skip
def test_full_memory_is_one_line_and_nothing_is_lost(
    problem: Exception, train: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:  # fmt: skip
    def full(self: Any, batch: Any, update: int) -> Any:
        if update == 3:
            raise problem
        return backward(self, batch, update)

    backward = gradients.Gradients.backward
    monkeypatch.setattr(gradients.Gradients, "backward", full)
    assert train() == 1
    said = capsys.readouterr().err
    assert "out of memory at update 4, computing 12 s of audio at once" in said
    assert "--set batch.at_once=6" in said
    assert "Traceback" not in said
    assert load_state(tmp_path / "out" / "train" / "state.pt")["progress"]["update"] == 3
    monkeypatch.setattr(gradients.Gradients, "backward", backward)
    assert train("batch.at_once=6") == 0


def test_a_resume_point_on_a_full_disk_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "train" / "state.pt"
    save_state(file, {"x": torch.ones(3)})

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        save_state(file, {"x": torch.zeros(3)})
    assert torch.equal(load_state(file)["x"], torch.ones(3))
    assert [p.name for p in file.parent.iterdir()] == ["state.pt"]


def test_every_utterance_that_is_left_out_has_its_own_reason(
    train: Callable[..., int], tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (tones / "train.tsv").read_text().replace("\ttrain", f"\t{tones}/train")
    for name, seconds in (("short", 0.05), ("long", 4.0)):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(int(16_000 * seconds)), 16_000)
        rows += f"{name}\t{tmp_path}/{name}.wav\tab\n"
    rows += f"gone\t{tmp_path}/gone.wav\tab\n"
    data = tmp_path / "data.tsv"
    data.write_text(rows)
    assert train("optim.updates=1", "data.max_s=3", data=data) == 0
    err = capsys.readouterr().err
    assert "left out 1 of 43 utterances, cannot be read: gone (no file" in err
    assert "left out 1 of 43 utterances, shorter than data.min_s = 0.1 s: short (0.0" in err
    assert "left out 1 of 43 utterances, longer than data.max_s = 3 s: long (4.0 s long)" in err
