"""Weights in eight bits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.folder import build_net, load_model, save_model
from attnasr_cli.nets.quantize import pack, unpack
from attnasr_cli.text.chars import CharTokenizer


def test_every_number_is_within_half_a_step_of_its_row() -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 16, 8) * torch.logspace(-3, 3, 64)[:, None, None]
    back = unpack(pack({"weight": weight}))["weight"]
    step = weight.abs().amax((1, 2), keepdim=True) / 127
    assert bool(((back - weight).abs() <= step * 0.5001).all())


def test_small_tensors_and_whole_numbers_are_not_rounded_to_eight_bits() -> None:
    tensors = {
        "bias": torch.linspace(-1, 1, 5000),
        "small": torch.eye(3),
        "count": torch.arange(9000).view(90, 100),
        "zeros": torch.zeros(80, 80),
        "own.scale": torch.ones(2),
    }
    packed = pack(tensors)
    assert {k: v.dtype for k, v in packed.items()} == {
        "bias": torch.float16, "small": torch.float16, "count": torch.int64,
        "zeros": torch.int8, "zeros.scale": torch.float32, "own.scale": torch.float16,
    }  # fmt: skip
    back = unpack(packed)
    assert set(back) == set(tensors)
    for name, tensor in tensors.items():
        torch.testing.assert_close(back[name].to(tensor.dtype), tensor, atol=5e-4, rtol=0)


def test_a_model_comes_back_from_a_file_of_a_quarter_of_its_size(tmp_path: Path) -> None:
    tokenizer = CharTokenizer(list("▁abc"))
    config = {"width": 64, "heads": 2, "layers": 2, "hidden": 256, "kernel": 3, "channels": 16}
    config |= {"decoder_layers": 2, "vocab": tokenizer.vocab_size, "bins": 80, "subsampling": 4}
    config |= {"dropout": 0.0, "ctc": True, "inner_ctc": (), "half": ()}
    torch.manual_seed(0)
    net = build_net("conformer", config, "test").eval()
    sizes = {}
    for dtype in (torch.float32, torch.int8):
        folder = tmp_path / str(dtype)
        save_model(folder, net, "m", tokenizer, FeatureConfig(), dtype=dtype)
        sizes[dtype] = (folder / "weights.safetensors").stat().st_size
    assert sizes[torch.int8] < 0.32 * sizes[torch.float32]
    back = load_model(tmp_path / "torch.int8").net
    features, lengths = torch.randn(2, 120, 80), torch.tensor([120, 80])
    with torch.no_grad():
        one, two = (n.ctc(n.encode(features, lengths)) for n in (net, back))
    assert float((one - two).norm() / one.norm()) < 0.03
    assert one.norm() == pytest.approx(float(two.norm()), rel=0.02)
