"""The peak memory of a run."""

from __future__ import annotations

import resource
import sys

import torch


def peak_memory_mb() -> float:
    """The most that this process has held so far, in 10⁶ bytes: on the GPU where it has one in use,
    else in main memory."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, KiB here
