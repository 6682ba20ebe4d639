"""Training in float16: gradients are scaled, so that small ones are not rounded to nothing.

Commands refuse float16 on a CPU, where it is slow; torch computes it there all the same.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from attnasr_cli import device
from attnasr_cli.app import main

from .conftest import command


@pytest.fixture(autouse=True)
def cpus_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_on_cpu", device.Placement)


def run(recipe: Path, out: Path, tones: Path, dtype: str, *changes: str) -> int:
    given = command(recipe, out, tones, "--workers", "1", "--dtype", dtype)
    return main([*given, *(part for change in changes for part in ("--set", change))])


def events(out: Path) -> list[str]:
    lines = (out / "train" / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["kind"] for line in lines]


def scale_of(out: Path) -> float:
    return float(torch.load(out / "train" / "state.pt", weights_only=True)["scaler"]["scale"])


def begin_with(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given = partial(torch.amp.GradScaler, init_scale=scale, growth_interval=10_000)
    monkeypatch.setattr(torch.amp, "GradScaler", given)


def test_the_scale_does_not_change_what_is_learnt(
    recipe: Path, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(2.0**10, monkeypatch)
    for dtype in ("float16", "float32"):
        assert run(recipe, tmp_path / dtype, tones, dtype, "optim.rate=1e-4") == 0
    half, whole = (load_file(tmp_path / d / "weights.safetensors") for d in ("float16", "float32"))
    assert all(torch.allclose(half[k].float(), whole[k].float(), atol=2e-3) for k in whole)
    assert not all(torch.equal(half[k], whole[k]) for k in whole)
    assert scale_of(tmp_path / "float16") == 2.0**10
    assert not {"rescaled", "skipped"} & set(events(tmp_path / "float16"))


def test_a_scale_that_is_too_large_is_halved_and_is_no_fault(
    recipe: Path, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(2.0**36, monkeypatch)
    out = tmp_path / "out"
    assert run(recipe, out, tones, "float16", "optim.updates=40", "run.evaluate=40") == 0
    found = events(out)
    assert found.count("rescaled") >= 3
    assert "skipped" not in found
    reached = 2.0 ** (36 - found.count("rescaled"))
    assert scale_of(out) == reached

    # Going on begins with the scale that was reached, not with the first one.
    assert run(recipe, out, tones, "float16", "optim.updates=41", "run.evaluate=40") == 0
    assert scale_of(out) == reached
