"""Log-softmax written over its input.

A new tensor for the result was a third of the time of a beam search: the scores of a step with 40
rows are 8 MB, and a Linux system hands out memory page by page.
"""

from __future__ import annotations

import torch
from torch import Tensor


def log_softmax_(scores: Tensor) -> Tensor:
    """scores (R, V) in float32 → natural logarithms of a softmax, written over them where no
    gradient is wanted."""
    if scores.device.type != "cpu" or torch.is_grad_enabled():
        return scores.log_softmax(-1)
    # The kernel of CPUs reads a row to its end, twice, before it writes any of it.
    torch.ops.aten._log_softmax.out(scores, -1, False, out=scores)
    return scores
