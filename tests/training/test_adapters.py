"""Parts of a net that are trained, and low-rank adapters beside its weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from attnasr_cli.app import main
from attnasr_cli.families import models
from attnasr_cli.families.recipe.sections import LoraConfig, OptimConfig
from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.training.adapters import plain_weights, with_adapters
from attnasr_cli.training.optim import rate_at


def train(recipe: Path, out: Path, tones: Path, *changes: str) -> int:
    sets = [word for change in changes for word in ("--set", change)]
    return main(
        ["train", str(recipe), "-o", str(out), "--train", str(tones / "train.tsv"), "--dev",
         str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32", "--workers", "1", *sets]
    )  # fmt: skip


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"folder": tmp_path_factory.mktemp("start") / "model"}


@pytest.fixture
def from_start(recipe: Path, tones: Path, start: dict[str, Path]) -> Path:
    """A recipe that begins with a model that was trained for a moment."""
    folder = start["folder"]
    if not folder.exists():
        assert train(recipe, folder, tones, "optim.updates=2") == 0
    text = recipe.read_text()
    begin, config = text.index("[config]"), text.index("[text]")
    recipe.write_text(f'{text[:begin]}[init]\nmodel = "{folder}"\n{text[config:]}')
    return recipe


def net() -> Conformer:
    torch.manual_seed(0)
    config = ConformerConfig(
        vocab=6, bins=8, width=16, heads=2, layers=2, hidden=16, kernel=3, channels=4,
        inner_ctc=(1,), dropout=0.0,
    )  # fmt: skip
    return Conformer(config)


def test_the_plain_weights_give_what_the_net_with_adapters_gives() -> None:
    plain = net().eval()
    config = LoraConfig(rank=2, alpha=6)
    adapted = with_adapters(plain, config).eval()
    trained = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if name in trained:
                p.normal_(std=0.3)
    features, lengths = torch.randn(2, 80, 8), torch.tensor([80, 60])
    tokens = torch.tensor([[1, 3, 4], [1, 5, 3]])
    before = plain.forward(features, lengths, tokens)[0]
    wanted = adapted.forward(features, lengths, tokens)[0]
    assert not torch.allclose(before, wanted, atol=1e-2)
    merged = plain_weights(adapted.state_dict(), config.alpha / config.rank)
    assert set(merged) == set(plain.state_dict())
    plain.load_state_dict(merged)
    torch.testing.assert_close(plain.forward(features, lengths, tokens)[0], wanted)


def test_adapters_share_the_weights_of_the_net() -> None:
    plain = net()
    adapted = with_adapters(plain, LoraConfig(layers=("up",)))
    shared = {p.data_ptr() for p in plain.parameters()}
    own = [n for n, p in adapted.named_parameters() if p.data_ptr() not in shared]
    assert own
    assert all(".up.lora_" in name for name in own)


def test_a_run_with_adapters_keeps_a_plain_model_and_can_go_on(
    from_start: Path, start: dict[str, Path], tones: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    lora = ["lora.rank=4", "optim.rate=0.01", "optim.fall=0.0"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(from_start, whole, tones, *lora, "optim.updates=20") == 0
    assert "parameters are trained" in capsys.readouterr().err
    assert train(from_start, parts, tones, *lora, "optim.updates=10") == 0
    assert train(from_start, parts, tones, *lora, "optim.updates=20") == 0
    bytes_ = (whole / "weights.safetensors").read_bytes()
    assert (parts / "weights.safetensors").read_bytes() == bytes_
    before, after = (load_file(f / "weights.safetensors") for f in (start["folder"], whole))
    assert set(before) == set(after)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed
    assert all(before[name].ndim == 2 and name.endswith(".weight") for name in changed)
    for name in changed:  # of rank 4, to rounding
        sizes = np.linalg.svd(after[name] - before[name], compute_uv=False)
        assert sizes[4:].max(initial=0) <= 1e-4 * sizes[0]
    assert models.load(whole).net.name == "conformer"
    assert train(from_start, parts, tones, "lora.rank=2", "optim.updates=24") == 2
    assert "lora.rank = 4" in capsys.readouterr().err


def test_a_frozen_part_stays_as_it_was(
    from_start: Path, start: dict[str, Path], tones: Path, tmp_path: Path
) -> None:
    out = tmp_path / "frozen"
    assert train(from_start, out, tones, "init.freeze=['encoder']", "optim.updates=10") == 0
    before, after = (load_file(f / "weights.safetensors") for f in (start["folder"], out))
    same = {name for name in before if np.array_equal(before[name], after[name])}
    inside = {name for name in before if name.startswith("encoder.")}
    assert inside <= same
    assert same != set(before)


BAD = [
    (["init.freeze=['ear']"], "has no part 'ear'"),
    (["lora.layers=['ear']"], "no linear layer ear"),
    (["lora.rank=0"], "rank is 0"),
]


@pytest.mark.parametrize(("changes", "why"), BAD)
def test_what_cannot_be_is_one_line(
    from_start: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    changes: list[str], why: str,
) -> None:  # fmt: skip
    assert train(from_start, tmp_path / "x", tones, *changes) == 2
    assert why in capsys.readouterr().err


def test_adapters_of_nothing_are_refused(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(recipe, tmp_path / "x", tones, "lora.rank=4") == 2
    assert "[lora] without [init]" in capsys.readouterr().err


def test_without_peft_the_extra_is_named(
    from_start: Path, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, "peft", None)
    assert train(from_start, tmp_path / "x", tones, "lora.rank=4") == 1
    assert "attnasr[lora]" in capsys.readouterr().err


def test_a_cosine_falls_to_nothing_slowly_at_both_ends() -> None:
    config = OptimConfig(updates=100, rate=1.0, warmup=1, fall=1.0, schedule="cosine")
    rates = [rate_at(update, config) for update in range(101)]
    assert rates[0] == pytest.approx(1.0)
    assert rates[50] == pytest.approx(0.5)
    assert rates[100] == 0.0
    assert rates[0] - rates[10] < rates[45] - rates[55]
