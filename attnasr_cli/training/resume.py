"""What a run needs to go on after being killed: one file, written beside and then renamed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from attnasr_cli.errors import ModelError
from attnasr_cli.files import write_bytes


@dataclass
class TrainState:
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
