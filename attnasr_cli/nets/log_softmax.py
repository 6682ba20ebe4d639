"""Log-softmax written over its input.

A new tensor for the result was a third of the time of a beam search: the scores of a step with 40
rows are 8 MB, and a Linux system hands out memory page by page.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


def log_softmax_(scores: Tensor) -> Tensor:
    """scores (R, V) in float32 → natural logarithms of a softmax, written over them where no
    gradient is wanted."""
    if scores.device.type != "cpu" or torch.is_grad_enabled() or not can_overwrite():
        return scores.log_softmax(-1)
    return _overwritten(scores)


def _overwritten(scores: Tensor) -> Tensor:
    # The kernel of CPUs reads a row to its end, twice, before it writes any of it.
    torch.ops.aten._log_softmax.out(scores, -1, False, out=scores)
    return scores


@lru_cache(maxsize=1)
def can_overwrite() -> bool:
    """Whether this torch's kernel may write over what it reads: tried once, and compared."""
    scores = torch.linspace(-30.0, 30.0, 3 * 5003).sin().mul(20.0).view(3, -1)
    try:
        with torch.no_grad():
            found = _overwritten(scores.clone())
    except (AttributeError, RuntimeError, TypeError):
        return False
    return torch.equal(found, scores.log_softmax(-1))
