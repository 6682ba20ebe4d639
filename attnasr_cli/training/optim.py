"""The learning-rate schedule, the optimiser, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from attnasr_cli.families.recipe.sections import OptimConfig


def rate_at(update: int, config: OptimConfig) -> float:
    """Learning rate of an update (from 0): linear warm-up, constant, linear or cosine fall to zero.

    A constant part, and not a curve over the whole length, allows changing the length of a run
    while it is in progress (Hägele et al. 2024, arXiv:2405.18392).
    """
    up = min((update + 1) / max(config.warmup, 1), 1.0)
    fall = max(config.fall * config.updates, 1.0)
    down = min(max((config.updates - update) / fall, 0.0), 1.0)
    if config.schedule == "cosine":
        down = (1 - math.cos(math.pi * down)) / 2
    return config.rate * min(up, down)


def make_optimizer(net: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """AdamW for the trained parameters, with weight decay for matrices only."""
    trained = [p for p in net.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.dim() > 1]},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=config.rate, betas=(0.9, 0.98), weight_decay=config.weight_decay, fused=True
    )


def recompute_layers(net: nn.Module) -> None:
    """Keep only the inputs of each layer for the backward pass and compute the rest again (Chen et
    al. 2016, arXiv:1604.06174), with the same dropout masks."""
    for stack in [m for m in net.modules() if isinstance(m, nn.ModuleList)]:
        for layer in stack:
            layer.forward = _recomputed(layer.forward, layer)


def _recomputed(forward: Callable[..., Any], layer: nn.Module) -> Callable[..., Any]:
    from torch.utils.checkpoint import checkpoint

    def run(*args: Any, **named: Any) -> Any:
        if not (layer.training and torch.is_grad_enabled()):
            return forward(*args, **named)
        return checkpoint(forward, *args, use_reentrant=False, **named)

    return run


class WeightAverage:
    """A running average of the weights (Polyak and Juditsky 1992), in float32."""

    EVERY = 10  # updates between two steps of the average, which costs a pass over all weights

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
        self.values = {
            k: v.detach() if k in frozen else v.detach().clone()
            for k, v in net.state_dict().items()
        }
        self._moving = [
            k for k, v in self.values.items() if v.is_floating_point() and k not in frozen
        ]

    @torch.no_grad()
    def follow(self, net: nn.Module, update: int) -> None:
        """Move towards the weights, faster at first so that the random start is soon forgotten."""
        if update % self.EVERY:
            return
        decay = min(self.decay, (1 + update) / (10 + update)) ** self.EVERY
        current = net.state_dict()
        ours = [self.values[k] for k in self._moving]
        torch._foreach_lerp_(ours, [current[k] for k in self._moving], 1 - decay)

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Continue from these values."""
        for name, value in self.values.items():
            value.copy_(values[name])


def mixed(
    values: Mapping[str, Tensor], others: Mapping[str, Tensor], share: float
) -> Mapping[str, Tensor]:
    """Weights with a share of others in them; what the others lack, or is no number that may lie
    between two, stays."""
    return {
        k: torch.lerp(v, others[k].to(v), share) if k in others and v.is_floating_point() else v
        for k, v in values.items()
    }


@contextmanager
def weights_of(net: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """A context in which the net has other weights and is in evaluation mode; its own are restored
    after."""
    own = {k: v.detach().clone() for k, v in net.state_dict().items()}
    net.load_state_dict(values)
    net.eval()
    try:
        yield
    finally:
        net.load_state_dict(own)
        net.train()
