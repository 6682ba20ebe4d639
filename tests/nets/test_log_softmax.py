"""Log-softmax in place: right, only where it may be, and tried before it is used."""

from __future__ import annotations

import pytest
import torch

from attnasr_cli.nets import log_softmax
from attnasr_cli.nets.log_softmax import can_overwrite, log_softmax_


@pytest.mark.parametrize("shape", [(1, 2), (40, 51865), (7, 1000)])
def test_it_is_log_softmax(shape: tuple[int, int]) -> None:
    scores = 10 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    wanted = scores.log_softmax(-1)
    with torch.inference_mode():
        given = scores.clone()
        found = log_softmax_(given)
    torch.testing.assert_close(found, wanted)
    assert (found.data_ptr() == given.data_ptr()) == can_overwrite()


def test_gradients_need_what_was_given() -> None:
    scores = torch.randn(2, 5, requires_grad=True)
    before = scores.detach().clone()
    log_softmax_(scores).sum().backward()
    assert torch.equal(scores.detach(), before)


def test_another_kernel_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that writes before it has read gives other numbers: then nothing is overwritten."""
    monkeypatch.setattr(log_softmax, "_overwritten", lambda scores: scores.zero_())
    can_overwrite.cache_clear()
    try:
        assert not can_overwrite()
        scores = torch.randn(3, 9)
        with torch.no_grad():
            torch.testing.assert_close(log_softmax_(scores), scores.log_softmax(-1))
    finally:
        can_overwrite.cache_clear()
