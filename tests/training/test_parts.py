"""Batches, SpecAugment, schedule, dropout and losses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.families.recipe.sections import AugmentConfig, LossConfig, OptimConfig
from attnasr_cli.nets import find_net
from attnasr_cli.nets.blocks import Dropout
from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.nets.protocol import Net
from attnasr_cli.training.augment.spec import spec_augment
from attnasr_cli.training.data.sampler import epoch_batches
from attnasr_cli.training.loss import losses
from attnasr_cli.training.optim import rate_at, recompute_layers
from tests.conftest import SIZES


@given(
    sizes=st.lists(st.integers(0, 900), min_size=1, max_size=60),
    frames=st.integers(900, 4000),
    seed=st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_every_utterance_is_in_one_batch_and_no_batch_is_too_long(
    sizes: list[int], frames: int, seed: int
) -> None:
    lengths = [np.array(sizes), np.array(sizes) * 9 // 10]
    allowed = np.array(sizes) != 7
    batches = epoch_batches(lengths, allowed, frames, seed, 0)
    listed = sorted(i for batch in batches for group in batch for i, _ in group)
    possible = {i for i, s in enumerate(sizes) if allowed[i] and s >= 2}
    assert possible <= set(listed) <= set(np.flatnonzero(allowed))
    assert len(listed) == len(set(listed))
    for batch in batches:
        assert max(lengths[s][i] for ((i, s),) in batch) * len(batch) <= frames
    assert batches == epoch_batches(lengths, allowed, frames, seed, 0)


def test_epochs_differ() -> None:
    lengths = [np.arange(100, 400)]
    allowed = np.ones(300, dtype=bool)
    one, two = (epoch_batches(lengths, allowed, 2000, 1, epoch) for epoch in (0, 1))
    assert one != two


def test_spec_augment_stays_within_its_bounds() -> None:
    config = AugmentConfig(frequency_masks=1, frequency_width=8, time_masks_per_s=20.0)
    features = torch.ones(4, 300, 40)
    lengths = torch.tensor([300, 200, 100, 50])
    out = spec_augment(features, lengths, config, torch.Generator().manual_seed(0))
    for b, length in enumerate(lengths.tolist()):
        rows = (out[b, :length] == 0).all(-1).float().mean()
        columns = int((out[b, :length] == 0).all(0).sum())
        assert 0 < rows <= config.time_share + 1e-6
        assert columns <= 8


def test_rate_rises_stays_and_falls() -> None:
    config = OptimConfig(updates=100, rate=1.0, warmup=10, fall=0.5)
    rates = [rate_at(u, config) for u in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[50] == 1.0
    assert rates[75] == pytest.approx(0.5)
    assert 0 < rates[99] <= 0.02


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_dropout_keeps_the_mean_and_is_off_in_evaluation(probability: float) -> None:
    torch.manual_seed(0)
    layer = Dropout(probability)
    x = torch.ones(1001, 333)
    out = layer(x)
    assert float((out == 0).float().mean()) == pytest.approx(probability, abs=0.01)
    assert float(out.mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(layer.eval()(x), x)


def test_loss_shares_add_up() -> None:
    torch.manual_seed(0)
    config = ConformerConfig(
        vocab=6, bins=8, width=16, heads=2, layers=2, hidden=16, kernel=3, channels=4,
        inner_ctc=(1,), dropout=0.0,
    )  # fmt: skip
    net = Conformer(config).eval()
    features, lengths = torch.randn(2, 80, 8), torch.tensor([80, 60])
    targets = [[3, 4, 5], [3, 3]]

    def at(ctc: float) -> tuple[float, float, float]:
        found = losses(net, features, lengths, targets, 1, 2, LossConfig(ctc=ctc))
        return float(found.total.detach()), float(found.attention), float(found.ctc)

    total, attention, ctc = at(0.3)
    assert total == pytest.approx(0.7 * attention + 0.3 * ctc, rel=1e-4)
    assert at(1.0)[0] == pytest.approx(ctc, rel=1e-4)
    assert at(0.0)[0] == pytest.approx(attention, rel=1e-4)


def test_a_prompt_is_fed_and_not_scored() -> None:
    torch.manual_seed(0)
    config = ConformerConfig(
        vocab=6, bins=8, width=16, heads=2, layers=1, hidden=16, kernel=3, channels=4, dropout=0.0,
        ctc=False,
    )  # fmt: skip
    net = Conformer(config).eval()
    features, lengths = torch.randn(1, 80, 8), torch.tensor([80])
    found = losses(net, features, lengths, [[3, 4]], [1, 5, 3], 2, LossConfig(smoothing=0.0))
    with torch.no_grad():
        logits = net.forward(features, lengths, torch.tensor([[1, 5, 3, 3, 4]]))[0]
    scored = -logits.log_softmax(-1)[[2, 3, 4], [3, 4, 2]]
    assert float(found.total.detach()) == pytest.approx(float(scored.mean()), rel=1e-4)


def small(net: str) -> Net:
    cls = find_net(net)
    torch.manual_seed(0)
    sizes = {"vocab": 9, "bins": 8, "width": 16, "layers": 2, "channels": 4, "dropout": 0.2}
    built: Net = cls(cls.Config(**{**sizes, **SIZES[net]}))
    return built.train()


def gradients_of(net: Net) -> dict[str, torch.Tensor | None]:
    torch.manual_seed(5)
    features, lengths = torch.randn(2, 40, 8), torch.tensor([40, 33])
    found = losses(net, features, lengths, [[4, 5, 6], [7]], 1, 2, LossConfig())
    found.total.backward()
    return {name: p.grad for name, p in net.named_parameters()}


@pytest.mark.parametrize("name", SIZES)
def test_layers_that_are_computed_again_give_the_same_gradients(name: str) -> None:
    plain, again = small(name), small(name)
    recompute_layers(again)
    found = gradients_of(again)
    for part, gradient in gradients_of(plain).items():
        assert gradient is not None
        torch.testing.assert_close(found[part], gradient)


def test_a_run_that_computes_layers_again(
    recipe: Path, tones: Path, tmp_path: Path, attnasr: Any
) -> None:
    data = ["--train", tones / "train.tsv", "--dev", tones / "dev.tsv", "--device", "cpu",
            "--workers", 1, "--set", "optim.updates=2"]  # fmt: skip
    more = ["--set", "batch.recompute=true"]
    ran = attnasr("train", recipe, "-o", tmp_path / "out", *data, *more)
    assert ran.code == 0, ran.err
