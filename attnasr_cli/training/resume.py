"""What a run needs to go on after being killed: one file, written beside and then renamed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attnasr_cli.errors import ModelError
from attnasr_cli.files import write_bytes


@dataclass
class Progress:
    """Where a run stands."""

    update: int = 0
    stage: int = 0
    """0: short utterances only, 1: all"""
    epoch: int = 0
    index: int = 0
    """next batch of the epoch"""
    best_wer: float = float("inf")
    hours: float = 0.0
    """hours of audio seen"""
    minutes: float = 0.0
    """minutes spent training"""


class Average:
    """A running average of the weights (Polyak and Juditsky 1992), in float32."""

    EVERY = 10  # updates between two steps of the average, which costs a pass over all weights

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def follow(self, net: nn.Module, update: int) -> None:
        """Move towards the weights; early on faster, so that the start is soon forgotten."""
        if update % self.EVERY:
            return
        decay = min(self.decay, (1 + update) / (10 + update)) ** self.EVERY
        current = net.state_dict()
        keys = [k for k, v in self.values.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.values[k] for k in keys], [current[k] for k in keys], 1 - decay)


class swapped:  # noqa: N801 - used as a context
    """With the averaged weights in the net; the own ones are put back after."""

    def __init__(self, net: nn.Module, values: dict[str, Tensor]) -> None:
        self.net, self.values = net, values

    def __enter__(self) -> None:
        self.own = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.net.load_state_dict(self.values)
        self.net.eval()

    def __exit__(self, *_: object) -> None:
        self.net.load_state_dict(self.own)
        self.net.train()


def save_state(path: Path, parts: dict[str, Any]) -> None:
    """Write nested dictionaries of tensors and plain values."""
    buffer = io.BytesIO()
    torch.save(parts, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Raises ModelError where the file is damaged; never runs code from it."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises a dozen types for damaged files
        raise ModelError(
            f"damaged resume point {path}: {problem}".splitlines()[0],
            f"remove {path} to start anew",
        ) from None
    return state
