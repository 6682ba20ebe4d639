"""The learning rate: up, level, down."""

from __future__ import annotations

from attnasr_cli.training.recipe import OptimConfig


def rate_at(update: int, config: OptimConfig) -> float:
    """Learning rate of an update (from 0): linear warm-up, constant, linear fall to zero.

    A constant part, and not a curve over the whole length, lets a run be made longer or shorter
    while it goes on (Hägele et al. 2024, arXiv:2405.18392).
    """
    up = min((update + 1) / max(config.warmup, 1), 1.0)
    fall = max(config.fall * config.updates, 1.0)
    down = min(max((config.updates - update) / fall, 0.0), 1.0)
    return config.rate * min(up, down)
