"""A signal to the command reaches all of its processes."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from attnasr_cli.training.parallel import gradients
from attnasr_cli.training.resume import load_state
from tests.training.conftest import command

ENDED_S = 60.0
"""within which a process ends, however slow the machine is"""


def children(process: int) -> list[int]:
    return [
        int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)  # however slow the machine is
            raise AssertionError(process.communicate()[1])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_command_ends_all_processes(
    kind: signal.Signals, recipe: Path, tones: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    endless = command(recipe, out, tones, "--workers", "2", "--set", "optim.updates=100000")
    endless += ["--set", "run.save_minutes=0.0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "attnasr_cli", *endless], stderr=subprocess.PIPE, text=True
    )
    state = out / "train" / "state.pt"
    until(state.is_file, process)
    workers = children(process.pid)
    assert len(workers) >= 2
    process.send_signal(kind)
    process.wait()
    left = _left(workers)
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    assert not left, "went on without the command"
    _, said = process.communicate()  # their stderr too, so not before they have ended
    if kind != signal.SIGKILL:
        assert process.returncode == 130
        assert "stopped at update" in said
        assert "Traceback" not in said
    assert torch.load(state, weights_only=True)["progress"]["update"] > 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc")
def test_a_terminal_interrupts_processes_that_are_starting(
    recipe: Path, tones: Path, tmp_path: Path
) -> None:
    """It signals all of them: one line, and no traceback of what they import."""
    process = subprocess.Popen(
        [sys.executable, "-m", "attnasr_cli", *command(recipe, tmp_path, tones, "--workers", "2")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(_members(process.pid)) == 2, process)
    for member in _members(process.pid):
        status = Path(f"/proc/{member}/status").read_text()
        [blocked] = [line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")]
        assert int(blocked, 16) >> signal.SIGINT - 1 & 1, "would be interrupted itself"
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.endswith("error: interrupted\n")
    assert "Traceback" not in said


def _members(process: int) -> list[int]:
    """The processes of the run: multiprocessing has one of its own, too."""
    lines = {child: Path(f"/proc/{child}/cmdline") for child in children(process)}
    return [child for child, line in lines.items() if b"spawn_main" in line.read_bytes()]


def _left(workers: list[int]) -> list[int]:
    """Those that have not ended soon."""
    end = time.monotonic() + ENDED_S
    while left := [worker for worker in workers if _status(worker) != "Z"]:
        if time.monotonic() > end:
            break
        select.select([], [], [], 0.02)
    return left


def _status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_what_was_learnt(
    kind: signal.Signals,
    train: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Long before the next resume point is due."""
    backward = gradients.Gradients.backward

    def signalled(self: Any, batch: Any, update: int) -> torch.Tensor:
        if update == 2:
            os.kill(os.getpid(), kind)
        return backward(self, batch, update)

    monkeypatch.setattr(gradients.Gradients, "backward", signalled)
    assert train("run.evaluate=100", "run.save_minutes=60") == 130
    assert "stopped at update 3" in capsys.readouterr().err
    saved = load_state(tmp_path / "out" / "train" / "state.pt")
    assert saved["progress"]["update"] == 3
    monkeypatch.undo()
    assert train("run.evaluate=100", "run.save_minutes=60") == 0
    assert "going on from update 3" in capsys.readouterr().err
