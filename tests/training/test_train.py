"""``attnasr train`` through the real command line, on tones that a tiny net can learn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from attnasr_cli.app import main
from attnasr_cli.checkpoint.folder import load_model


def train(recipe: Path, out: Path, tones: Path, *more: str) -> int:
    return main(
        ["train", str(recipe), "-o", str(out), "--train", str(tones / "train.tsv"),
         "--dev", str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32",
         "--workers", "1", *more]
    )  # fmt: skip


def test_learns_tones_and_transcribes_them(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    assert train(recipe, out, tones, "--set", "optim.updates=300", "--set", "run.evaluate=150") == 0
    assert "dev WER" in capsys.readouterr().out
    model = load_model(out)
    assert model.header.origin["dev_wer"] <= 0.35
    best = model.header.origin["updates"]
    log = [json.loads(line) for line in (out / "train" / "log.jsonl").read_text().splitlines()]
    assert {entry["kind"] for entry in log} == {"train", "dev", "final"}
    measured = {entry["update"]: entry["wer"] for entry in log if entry["kind"] == "dev"}
    assert set(measured) == {150, 300}
    assert measured[best] == min(measured.values())
    assert main(["models", "show", str(out)]) == 0


def test_a_run_that_is_continued_equals_an_unbroken_one(
    recipe: Path, tones: Path, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(recipe, whole, tones) == 0
    assert train(recipe, parts, tones, "--set", "optim.updates=6", "--set", "optim.fall=0.0") == 0
    # The rate of the first six updates is the same under both settings: warm-up and plateau.
    assert train(recipe, whole, tones) == 0  # done already: nothing changes
    before = (parts / "weights.safetensors").read_bytes()
    assert train(recipe, parts, tones, "--set", "optim.fall=0.4") == 0
    assert (parts / "weights.safetensors").read_bytes() != before
    assert (parts / "weights.safetensors").read_bytes() == (
        whole / "weights.safetensors"
    ).read_bytes()


def test_goes_on_after_kill_9(recipe: Path, tones: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    command = [
        sys.executable, "-m", "attnasr_cli", "train", str(recipe), "-o", str(out),
        "--train", str(tones / "train.tsv"), "--dev", str(tones / "dev.tsv"), "--device", "cpu",
        "--dtype", "float32", "--workers", "1", "--set", "run.save_minutes=0.0",
        "--set", "optim.updates=100000",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    state = out / "train" / "state.pt"
    while not state.is_file() and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)  # however slow the machine is
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert state.is_file()
    reached = subprocess.run(
        [*command[:-1], "optim.updates=1"], capture_output=True, text=True, check=True
    )
    assert "going on from update" in reached.stderr
    assert load_model(out).net.name == "conformer"


def test_two_workers_train_one_model(recipe: Path, tones: Path, tmp_path: Path) -> None:
    out = tmp_path / "team"
    assert train(recipe, out, tones, "--workers", "2") == 0
    log = [json.loads(line) for line in (out / "train" / "log.jsonl").read_text().splitlines()]
    assert max(entry["update"] for entry in log) == 12
    assert load_model(out).tokenizer.pieces[4:] == ["a", "b", "c", "d", "▁"]


BAD = {
    "unknown key": (["--set", "optim.updats=3"], "did you mean 'updates'"),
    "unknown table": (["--set", "optimizer.rate=3"], "did you mean 'optim'"),
    "wrong type": (["--set", "optim.updates=many"], "not of type int"),
    "unknown net": (["--set", "net=confromer"], "did you mean 'conformer'"),
    "unknown size": (["--set", "config.widht=3"], "did you mean 'width'"),
    "impossible size": (["--set", "config.subsampling=3"], "must be 2, 4 or 8"),
    "not key=value": (["--set", "optim.updates"], "is not key=value"),
    "set vocab": (["--set", "config.vocab=30"], "follows from the tokenizer"),
    "too few pieces": (
        ["--set", "text.kind=bpe", "--set", "text.vocab=5"], "cannot make 5 bpe pieces",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_recipes_are_one_line_and_a_hint(
    case: str, recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, message = BAD[case]
    assert train(recipe, tmp_path / "out", tones, *options) in (1, 2)
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "model.toml").exists()


def test_an_error_is_said_once_by_two_workers(
    recipe: Path, tones: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = ["--set", "config.subsampling=3", "--workers", "2"]
    assert train(recipe, tmp_path / "out", tones, *bad) in (1, 2)
    err = capfd.readouterr().err
    assert err.count("must be 2, 4 or 8") == 1
    assert "Traceback" not in err


def test_no_data_and_no_recipe(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(tmp_path / "none.toml"), "-o", str(tmp_path / "x")]) == 2
    assert "no recipe" in capsys.readouterr().err
    assert main(["train", str(recipe), "-o", str(tmp_path / "x")]) == 2
    assert "needs training data" in capsys.readouterr().err


def test_damaged_resume_point_names_the_file(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert train(recipe, out, tones, "--set", "optim.updates=2") == 0
    (out / "train" / "state.pt").write_bytes(b"not a checkpoint")
    assert train(recipe, out, tones) == 1
    assert "damaged resume point" in capsys.readouterr().err


def test_a_recording_that_cannot_be_read_is_left_out(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (tones / "train.tsv").read_text().replace("\ttrain", f"\t{tones}/train")
    (tmp_path / "gone.wav").write_text("this is text")
    bad = tmp_path / "bad.tsv"
    bad.write_text(rows + f"bad\t{tmp_path}/gone.wav\tab\n")
    code = main(
        ["train", str(recipe), "-o", str(tmp_path / "out"), "--train", str(bad), "--dev",
         str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32", "--workers", "1",
         "--set", "optim.updates=2"]
    )  # fmt: skip
    assert code == 0
    assert "left out 1 of 41 utterances, cannot be read: bad (" in capsys.readouterr().err
