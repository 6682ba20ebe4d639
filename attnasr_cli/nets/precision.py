"""Which parts of a net low precision must not touch.

The search goes on from close calls, and rounding turns some of them over: with all products of the
encoder in bfloat16, 0.6 to 1 % of the words of the embedded model changed, with the attention alone
none of 695. So the convolutions, the perceptrons and the CTC heads stay in float32. An encoder that
is in float32 as a whole runs at 173 times real time on a core instead of 412; the search with its
20 beams takes most of the time at about 20.
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

from attnasr_cli.device import cpu_has_bfloat16


def keep_float32(x: Tensor) -> contextlib.AbstractContextManager[object]:
    """A context for products of x in float32, on a CPU, while nothing is trained.

    A GPU sums in float32 whatever it multiplies, and training averages rounding out.
    """
    if x.device.type != "cpu" or torch.is_grad_enabled():
        return contextlib.nullcontext()
    return torch.autocast("cpu", enabled=False)


def lstm_needs_float32(x: Tensor) -> bool:
    """Whether an LSTM over x must compute in float32: on a CPU that has no instructions for
    bfloat16, torch has it in bfloat16 for training only."""
    return x.device.type == "cpu" and not torch.is_grad_enabled() and not cpu_has_bfloat16()
