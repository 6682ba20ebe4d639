"""What low precision leaves alone on a CPU: the logits of CTC heads, and what makes them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attnasr_cli.nets import find_net
from attnasr_cli.nets.protocol import Net

NETS: dict[str, tuple[str, dict[str, Any]]] = {
    "conformer": ("conformer", {"layers": 3, "half": (2, 3), "inner_ctc": (1,)}),
    "las": ("las", {}),
    "transformer": ("transformer", {}),
}


def make(case: str) -> Net:
    torch.manual_seed(0)
    name, sizes = NETS[case]
    kind = find_net(name)
    net: Net = kind(kind.Config(vocab=30, ctc=True, **sizes))
    with torch.no_grad():
        for weight in net.parameters():  # some start at zero, which no rounding changes
            weight += 0.02 * torch.randn_like(weight)
    return net.eval()


def logits(net: Net, low: bool) -> Tensor:
    features = torch.randn(2, 120, 80, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        return net.ctc(net.encode(features, torch.tensor([120, 77])))


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_heads_stay_in_float32(name: str) -> None:
    found, exact = logits(make(name), True), logits(make(name), False)
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)  # the products between are rounded
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("name", NETS)
def test_training_rounds_all_products(name: str) -> None:
    assert logits(make(name), True).dtype == torch.bfloat16
