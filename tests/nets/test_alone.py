"""An utterance gives the same numbers alone and in any batch, to the last bit, on a CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from attnasr_cli.device import cpu_flags, cpu_has_bfloat16
from attnasr_cli.nets import alone, find_net
from attnasr_cli.nets.protocol import Net

TYPES = [torch.float32, *([torch.bfloat16] if cpu_has_bfloat16() else [])]
CONFORMER: dict[str, Any] = {"layers": 3, "half": (2, 3), "inner_ctc": (1,)}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """More threads part products in other ways; a recogniser gives each thread its own batch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_same(found: Tensor, want: Tensor) -> None:
    """The same bits where this was measured; elsewhere close."""
    if "avx512f" in cpu_flags():
        assert torch.equal(found, want)
    torch.testing.assert_close(found, want)


def net_of(name: str, sizes: dict[str, Any]) -> Net:
    torch.manual_seed(0)
    kind = find_net(name)
    net: Net = kind(kind.Config(vocab=30, ctc=True, width=48, heads=2, hidden=96, **sizes))
    with torch.no_grad():
        for weight in net.parameters():  # some start at zero, where nothing is summed
            weight += 0.05 * torch.randn_like(weight)
    return net.eval()


def encoded(net: Net, features: list[Tensor], dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Frames (S, D) and CTC logits (S, V) of each utterance."""
    lengths = torch.tensor([len(one) for one in features])
    padded = torch.nn.utils.rnn.pad_sequence(features, batch_first=True)
    low = torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16)
    with torch.inference_mode(), low:
        memory = net.encode(alone.whole_frames(padded), lengths)
        logits = net.ctc(memory)
    return [(memory.frames[i, :n], logits[i, :n]) for i, n in enumerate(memory.lengths.tolist())]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(("name", "sizes"), [("conformer", CONFORMER), ("transformer", {})])
def test_an_utterance_alone_is_what_it_is_in_a_batch(
    name: str, sizes: dict[str, Any], dtype: torch.dtype
) -> None:
    net = net_of(name, sizes)
    make = torch.Generator().manual_seed(1)
    features = [torch.randn(n, 80, generator=make) for n in (161, 390, 700, 1401, 1579, 1900)]
    single = [encoded(net, [one], dtype)[0] for one in features]
    for batch in ([1, 0], [0, 1, 2], [2, 5], [4, 3], [0, 1, 2, 3, 4, 5], [3, 3, 3]):
        for i, found in zip(batch, encoded(net, [features[i] for i in batch], dtype), strict=True):
            assert_same(found[0], single[i][0])
            assert_same(found[1], single[i][1])


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_attention(causal: bool, dtype: torch.dtype) -> None:
    q, k, v = torch.randn(3, 2, 2, 330, 26, generator=torch.Generator().manual_seed(0)).to(dtype)
    mask = torch.arange(330) < torch.tensor([[330], [200]])
    mask = torch.ones(330, 330).tril().bool() if causal else mask[:, None, None]
    want = scaled_dot_product_attention(q, k, v, attn_mask=mask)
    found = alone.attention(q, k, v, mask)
    atol = 1e-5 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(found, want, atol=atol, rtol=0.02)
