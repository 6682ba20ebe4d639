"""The best continuations are those of a sort of everything."""

from __future__ import annotations

import pytest
import torch

from attnasr_cli.nets.log_softmax import log_softmax_
from attnasr_cli.search.topk import CHUNK, best, top


@pytest.mark.parametrize("size", [7, 500, 20 * CHUNK, 80 * CHUNK, 80 * CHUNK + 1, 51865])
@pytest.mark.parametrize("n", [1, 2, 10])
def test_top_is_topk(size: int, n: int) -> None:
    n = min(n, size)
    x = torch.randn(6, size, generator=torch.Generator().manual_seed(size))
    x[1, : size // 2] = float("-inf")
    x[2] = float("-inf")
    x[2, -1] = 0.0  # behind the last whole chunk
    x[3, -n:] = 9.0 - torch.arange(n)
    values, index = top(x, n)
    wanted = x.topk(n, -1)
    torch.testing.assert_close(values, wanted.values, rtol=0, atol=0)
    torch.testing.assert_close(x.gather(1, index), values, rtol=0, atol=0)
    for row in (0, 3, 4, 5):  # where no two are equal
        assert index[row].tolist() == wanted.indices[row].tolist()


@pytest.mark.parametrize("size", [3, 51865])
def test_best_is_a_sort_over_rows_and_tokens(size: int) -> None:
    generator = torch.Generator().manual_seed(1)
    scores, gain = (
        torch.randn(2, 5, generator=generator),
        torch.randn(10, size, generator=generator),
    )
    scores[1, 3:] = float("-inf")  # dead rows
    values, index = best(scores, gain, 10)
    total = (scores[:, :, None] + gain.view(2, 5, size)).flatten(1)
    wanted = total.topk(10, -1)
    torch.testing.assert_close(values, wanted.values, rtol=0, atol=0)
    alive = wanted.values > float("-inf")
    assert index[alive].tolist() == wanted.indices[alive].tolist()


def test_log_softmax_in_place_is_log_softmax() -> None:
    x = torch.randn(5, 51865, generator=torch.Generator().manual_seed(2))
    x[1, ::2] = float("-inf")
    wanted = x.log_softmax(-1)
    with torch.no_grad():
        found = log_softmax_(x)
    assert found is x
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_log_softmax_leaves_its_input_where_a_gradient_is_wanted() -> None:
    x = torch.randn(2, 10, requires_grad=True)
    before = x.detach().clone()
    log_softmax_(x)[:, 0].sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.detach(), before, rtol=0, atol=0)
