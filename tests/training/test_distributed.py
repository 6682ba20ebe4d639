"""One result on any number of processes: shares of a batch, starting, stopping, dying."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file

from attnasr_cli.app import main
from attnasr_cli.device import choose_for_training
from attnasr_cli.errors import UsageError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.recipe.sections import AugmentConfig, BatchConfig
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.training.data.corpus import Corpus
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.parallel import distributed
from attnasr_cli.training.parallel import launch as module
from attnasr_cli.training.parallel.distributed import World, from_torchrun
from attnasr_cli.training.parallel.gradients import Gradients
from attnasr_cli.training.parallel.launch import launch
from attnasr_cli.training.parallel.meeting import agree
from tests.training.conftest import command


class Noise:
    """Random features of five utterances."""

    def lengths(self) -> np.ndarray:
        return np.array([70, 81, 92, 103, 114])

    def get(self, index: int, draw: np.random.Generator) -> torch.Tensor:
        torch.manual_seed(index)
        return torch.randn(int(self.lengths()[index]), 8) + float(draw.random())


def gradients_of(size: int, at_once: float) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The sum over all processes of a world of the gradients and of the losses of one batch."""
    torch.manual_seed(0)
    config = ConformerConfig(
        vocab=9, bins=8, width=16, heads=2, layers=2, hidden=16, kernel=3, channels=4,
        inner_ctc=(1,), dropout=0.0,
    )  # fmt: skip
    net = Conformer(config).train()
    texts = ["abc", "b", "cab", "ad", "dabcb"]
    corpus = Corpus([Utterance(t, Path(t), t) for t in texts], [Noise()], (1.0,), {})
    recipe = Recipe(
        "x", "conformer", batch=BatchConfig(at_once=at_once),
        augment=AugmentConfig(frequency_width=3, time_masks_per_s=5.0),
    )  # fmt: skip
    targets = Targets((1,), 2, lambda text: [3 + ord(c) - ord("a") for c in text])
    batch = [((i, 0),) for i in range(5)]
    total = torch.zeros(3)
    for rank in range(size):  # gradients add up in the net
        shared = World(rank, size)
        part = Gradients(recipe, net, targets, corpus, torch.device("cpu"), torch.float32, shared)
        total += part.backward(batch, 7)
    return [p.grad for p in net.parameters() if p.grad is not None], total


@pytest.mark.parametrize(("size", "at_once"), [(2, 0.0), (4, 0.0), (8, 0.0), (1, 2.0), (2, 1.0)])
def test_gradients_are_the_same_on_any_number_of_processes_and_in_turns(
    size: int, at_once: float
) -> None:
    alone, losses = gradients_of(1, 0.0)
    shared, sums = gradients_of(size, at_once)
    torch.testing.assert_close(sums, losses, rtol=1e-5, atol=1e-6)
    assert len(alone) == len(shared)
    for one, other in zip(alone, shared, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)


def same_weights(one: Path, other: Path) -> bool:
    a, b = (load_file(path / "weights.safetensors") for path in (one, other))
    return all(torch.allclose(a[name], b[name], rtol=1e-3, atol=1e-4) for name in a)


@pytest.fixture
def alone(recipe: Path, tones: Path, tmp_path: Path) -> Path:
    out = tmp_path / "alone"
    assert main(command(recipe, out, tones, "--workers", "1", "--set", "optim.updates=4")) == 0
    return out


def test_two_workers_and_torchrun_make_the_model_that_one_process_makes(
    recipe: Path, tones: Path, tmp_path: Path, alone: Path
) -> None:
    two, torchrun = tmp_path / "two", tmp_path / "torchrun"
    assert main(command(recipe, two, tones, "--workers", "2", "--set", "optim.updates=4")) == 0
    assert same_weights(alone, two)
    started = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "attnasr_cli", *command(recipe, torchrun, tones, "--set", "optim.updates=4"),
    ]  # fmt: skip
    ran = subprocess.run(started, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("dev WER") == 1
    assert same_weights(alone, torchrun)
    log = [json.loads(line) for line in (torchrun / "train" / "log.jsonl").read_text().splitlines()]
    assert [entry["update"] for entry in log if entry["kind"] == "final"] == [4]


def test_two_nodes_go_on_after_a_worker_was_killed(
    recipe: Path, tones: Path, tmp_path: Path
) -> None:
    out = tmp_path / "nodes"
    # Held here, so that no other program gets its port; and nobody is given up for being slow.
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    patient = "is_host=0,keep_alive_max_attempt=1000,read_timeout=600"
    changes = ["optim.updates=60", "run.evaluate=1000", "run.save_minutes=0"]
    sets = [word for change in changes for word in ("--set", change)]
    node = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{store.port}",
        "--rdzv-conf", patient, "--rdzv-id", "x", "--local-addr", "127.0.0.1",
        "--max-restarts", "2", "-m", "attnasr_cli", *command(recipe, out, tones, *sets),
    ]  # fmt: skip
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    with contextlib.ExitStack() as held:
        nodes = []
        for log in logs:
            file = held.enter_context(log.open("wb"))
            process = subprocess.Popen(node, stdout=file, stderr=file, env=environment)
            held.callback(process.kill)
            nodes.append(process)
        while not (out / "train" / "state.pt").exists():  # however slow the machine is
            assert [process.poll() for process in nodes] == [None, None], logs[1].read_text()
            time.sleep(0.01)
        (worker,) = psutil.Process(nodes[1].pid).children()
        worker.kill()
        assert [process.wait(1200) for process in nodes] == [0, 0], logs[0].read_text()[-3000:]
    said = "".join(log.read_text() for log in logs)
    assert said.count("going on from update") >= 1
    assert said.count(f"{out}: dev WER") == 1
    log = [json.loads(line) for line in (out / "train" / "log.jsonl").read_text().splitlines()]
    assert [entry["update"] for entry in log if entry["kind"] == "final"] == [60]


def test_each_start_meets_under_a_name_of_its_own(tmp_path: Path) -> None:
    store = torch.distributed.HashStore()

    def start(size: int) -> list[str]:
        with ThreadPoolExecutor(size) as pool:
            return list(pool.map(lambda rank: agree(store, rank, size), range(size)))

    first = start(3)
    store.set("there/1", "of a process that was killed before all had met")
    second = start(3)
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]


def number(folder: Path, world: World) -> int:
    """Work that is killed the first time; threads of the second process."""
    world.join(torch.device("cpu"))
    if world.rank == 1 and not (folder / "killed").exists():
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    threads = world.gather(torch.get_num_threads())
    world.leave()
    return threads[1]


def test_a_killed_process_starts_again_and_has_the_threads_that_were_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(2, partial(number, tmp_path), threads=3) == 3
    assert "killed by signal 9" in capsys.readouterr().err


def failing(folder: Path, world: World) -> int:
    """Work whose first process fails before the system tells that the second was killed."""
    again = (folder / "killed").exists()
    if world.rank == 1 and not again:
        (folder / "killed").touch()
        wait_for(folder / "failed")
        os.kill(os.getpid(), signal.SIGKILL)
    if world.rank == 0 and not (folder / "failed").exists():
        wait_for(folder / "killed")
        (folder / "failed").touch()
        raise RuntimeError("Connection closed by peer")
    return 7


def wait_for(path: Path) -> None:
    end = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < end, f"{path} is not there"
        time.sleep(0.01)


def test_a_process_that_fails_because_another_was_killed_is_not_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CAUSE_S", 300.0)  # it ends as soon as the second one has
    assert launch(2, partial(failing, tmp_path), threads=1) == 7
    assert "killed by signal 9" in capsys.readouterr().err


def test_nobody_is_given_up_while_features_are_made(tmp_path: Path) -> None:
    world = World(0, 1, 0, f"file://{tmp_path}/meeting")
    world.join(torch.device("cpu"))
    try:
        backend: Any = torch.distributed.group.WORLD._get_backend(torch.device("cpu"))  # type: ignore[union-attr]
        assert backend.options._timeout >= timedelta(days=1)
    finally:
        world.leave()


def test_gpus_exchange_gradients_among_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def note(backend: str, **options: Any) -> None:
        asked.update(options, backend=backend)

    monkeypatch.setattr(torch.distributed, "init_process_group", note)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    World(1, 2, 1, "file:///x").join(torch.device("cuda", 1))
    assert "cuda:nccl" in asked["backend"]
    assert (asked["rank"], asked["world_size"]) == (1, 2)
    assert distributed.World().join(torch.device("cuda")) is None  # alone: nobody to meet


def test_torchrun_is_seen_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"):
        monkeypatch.delenv(name, raising=False)
    assert from_torchrun() is None
    for name, value in {
        "RANK": "3",
        "WORLD_SIZE": "4",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "x",
    }.items():
        monkeypatch.setenv(name, value)
    assert from_torchrun() == World(3, 4, 1, "env://")
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(UsageError, match="first"):
        from_torchrun()


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_training_takes_all_gpus_and_a_precision_that_it_has(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], dtype: str
) -> None:
    for name, value in {
        "is_available": True, "device_count": 2, "current_device": 0,
        "get_device_name": "GPU", "get_device_capability": capability,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
    chosen = choose_for_training()
    assert [str(one.device) for one in chosen] == ["cuda:0", "cuda:1"]
    assert {one.dtype for one in chosen} == {dtype}
    assert {one.dtype for one in choose_for_training("auto", "float16")} == {"float16"}
    with pytest.raises(UsageError, match="int8"):
        choose_for_training("auto", "int8")
