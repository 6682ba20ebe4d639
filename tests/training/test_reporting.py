"""What a run says while it trains, and the picture of its course."""

from __future__ import annotations

import io
import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attnasr_cli import console
from attnasr_cli.app import main
from attnasr_cli.errors import AttnasrError
from attnasr_cli.training.reporting.log import RunLog
from attnasr_cli.training.reporting.plot import read_log
from attnasr_cli.training.resume import TrainState


class Cells(HTMLParser):
    """The texts of all cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._inside = tag == "td"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)


def test_a_run_is_logged_for_tensorboard_and_drawn(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tones $x$ <1>"
    command = [
        "train", str(recipe), "-o", str(out), "--train", str(tones / "train.tsv"), "--dev",
        str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32", "--workers", "1",
        "--set", "run.tensorboard=true",
    ]  # fmt: skip
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "norm" in said
    assert " MB " in said
    log = [json.loads(line) for line in (out / "train" / "log.jsonl").read_text().splitlines()]
    last = [entry for entry in log if entry["kind"] == "train"][-1]
    assert last["gradient_norm"] > 0
    assert 10 < last["memory_mb"] < 100_000
    assert 0 < last["waiting"] < 0.5
    assert 0 < last["hours"] <= 12 * 12 / 3600
    events = EventAccumulator(str(out / "train" / "tensorboard")).Reload()
    losses = events.Scalars("train/attention")
    assert losses[-1].step == 12
    assert losses[-1].value == pytest.approx(last["attention"], rel=1e-5)
    (wer,) = [entry["wer"] for entry in log if entry["kind"] == "dev" and entry["update"] == 12]
    assert events.Scalars("dev/wer")[-1].value == pytest.approx(wer, rel=1e-5)

    assert main(["train", "--plot", str(out)]) == 0
    page, picture = map(Path, capsys.readouterr().out.splitlines())
    with Image.open(picture) as image:
        assert image.size == (1080, 1080)
        assert len(image.convert("L").getcolors() or []) > 20  # something is drawn
    text = page.read_text()
    cells = Cells(text).found
    assert f"{wer:.2%}" in cells
    assert "whole dev set" in cells
    assert "<1>" not in text.split("<svg")[0]


def test_where_a_run_went_back_the_later_line_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    lines = [("train", 10, 3.0), ("train", 20, 9.0), ("dev", 20, 0.5), ("train", 20, 2.0)]
    written = [json.dumps({"kind": k, "update": u, "loss": x}) for k, u, x in lines]
    log.write_text("\n".join([*written, '{"kind": "train", "upd']))
    found = read_log(log)
    assert [(e["kind"], e["update"], e["loss"]) for e in found] == [
        ("train", 10, 3.0), ("train", 20, 2.0), ("dev", 20, 0.5),
    ]  # fmt: skip
    assert "left out 1 damaged" in capsys.readouterr().err


def test_no_run_and_no_figures_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--plot", str(tmp_path)]) == 2
    assert "no folder of a training run" in capsys.readouterr().err
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "log.jsonl").write_text('{"kind": "skipped", "update": 1}\n')
    assert main(["train", "--plot", str(tmp_path)]) == 1
    assert "no figures yet" in capsys.readouterr().err


def test_without_tensorboard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(AttnasrError, match=r"run\.tensorboard needs TensorBoard") as caught:
        RunLog(tmp_path, 1, True, True)
    assert "attnasr[tensorboard]" in caught.value.hint


def test_what_is_not_finite_is_null_in_the_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 1, True, False)
    losses = torch.tensor([float("nan"), 1.0, 0.0])
    log.update(TrainState(update=1), losses, 3.0, float("inf"), 1e-3)
    entry = json.loads(log.path.read_text(), parse_constant=pytest.fail)
    assert entry["loss"] is None
    assert entry["gradient_norm"] is None
    assert entry["attention"] == 1.0


def test_a_terminal_shows_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(console, "err_console", lambda: terminal)
    state = TrainState(update=5, hours=0.5, minutes=2.0, best_wer=0.25, best_update=4)
    with RunLog(tmp_path, 5, True, False) as log:
        log.event(state, "dev", wer=0.3, cer=0.1)
        log.update(state, torch.tensor([1.5, 1.0, 2.0]), 60.0, 0.7, 1e-3)
    shown = screen.getvalue()
    for part in (
        "5 of 5",
        "30.00%",
        "best 25.00% at update 4",
        "1.500",
        "0.50 h seen",
        "of the time, for features",
        "0 min left",
    ):
        assert part in shown
