"""The resume point of a run: one file, written atomically."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from attnasr_cli.errors import ModelError, OutputError, reason
from attnasr_cli.files import replacing

STATE = "state.pt"


@dataclass
class TrainState:
    """The progress of a run."""

    update: int = 0
    stage: int = 0
    """0: short utterances only, 1: all"""
    epoch: int = 0
    index: int = 0
    """next batch of the epoch"""
    best_wer: float = float("inf")
    """best WER on the part of the dev set evaluated while training, whose key is ``dev``"""
    best_cer: float = float("inf")
    best_update: int = 0
    evaluated: int = 0
    """update of the last evaluation"""
    dev: str = ""
    """key of what ``best_wer`` was measured on"""
    final: int = -1
    """update of the last evaluation on the whole dev set; its rates follow"""
    final_wer: float = 0.0
    final_cer: float = 0.0
    top: list[list[Any]] = field(default_factory=list)
    """WER and update of the best evaluations, the best first"""
    stopped: int = 0
    """the patience with which it stopped early; 0 if it did not"""
    skipped: int = 0
    """updates without a step, as their gradients were not finite"""
    skipped_in_a_row: int = 0
    hours: float = 0.0
    """hours of audio seen"""
    minutes: float = 0.0
    """minutes spent training"""


def save_state(path: Path, parts: dict[str, Any]) -> None:
    """Write nested dictionaries of tensors and plain values, with no copy of them in memory.

    Raises OutputError; the file that was there before then stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            torch.save(parts, file)
    except (OSError, RuntimeError) as problem:  # torch's writer turns a full disk into the latter
        cause = problem.strerror if isinstance(problem, OSError) else reason(problem)
        raise OutputError(
            f"cannot write {path}: {cause}",
            "the resume point before is left; check space and rights, then run the same command",
        ) from None


def load_state(path: Path) -> dict[str, Any]:
    """Raises ModelError where the file is damaged; never runs code from it."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch raises a dozen types for damaged files
        raise ModelError(
            f"damaged resume point {path}: {reason(problem)}", "train into another folder"
        ) from None
    return state
