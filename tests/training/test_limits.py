"""A net with a limit of tokens is never given more: not padded targets, not by the search."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnasr_cli.families.native.joint_search import JointSearch
from attnasr_cli.families.recipe.sections import LossConfig
from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.nets.protocol import Memory, Step, Tree
from attnasr_cli.training.loss import losses

BOS, EOS = 1, 2
LIMIT = 10  # not a multiple of what padding rounds up to


class Limited(Conformer):
    """A Conformer of a package whose decoder has ten positions."""

    fed = 0

    @property
    def max_tokens(self) -> int | None:
        return LIMIT

    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        if tokens.shape[1] > LIMIT:
            raise IndexError(f"{tokens.shape[1]} tokens")
        return super().decode(memory, tokens)

    def step(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        self.fed += tokens.shape[1]
        if self.fed > LIMIT:
            raise IndexError(f"{self.fed} tokens")
        return super().step(tokens, state, memory)


@pytest.fixture
def net() -> Limited:
    torch.manual_seed(0)
    config = ConformerConfig(
        vocab=6, bins=8, width=16, heads=2, layers=1, hidden=16, kernel=3, channels=4, dropout=0.0
    )
    return Limited(config).eval()


@pytest.mark.parametrize("length", [3, LIMIT - 1])
def test_targets_are_not_padded_beyond_it(net: Limited, length: int) -> None:
    features, lengths = torch.randn(2, 400, 8), torch.tensor([400, 300])
    targets = [[3, 4, 5] * (length // 3), [4]]
    found = losses(net, features, lengths, targets, BOS, EOS, LossConfig())
    assert torch.isfinite(found.total)


@torch.inference_mode()
def test_the_search_ends_there(net: Limited) -> None:
    memory = net.encode(torch.randn(1, 400, 8), torch.tensor([400]))
    assert int(memory.lengths[0]) > LIMIT
    readout = next(
        m for m in net.modules() if getattr(m, "out_features", None) == 6 and m.bias is not None
    )
    readout.bias[EOS] = -1e4  # it never wants to end
    [[best]] = JointSearch(net, BOS, EOS)(memory, None)
    assert len(best.tokens) == LIMIT - 1
    assert not best.finished
