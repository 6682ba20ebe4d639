"""Which parts of a net low precision must not touch.

In bfloat16 most products of an encoder can be rounded without a trace in the text. Those that
cannot are few and cheap: the convolutions at the start, those over time, and the CTC head, whose
rounded logits decide between hypotheses. With all of them in bfloat16, 0.6 to 1 % of the words of
the embedded model changed.
"""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor


def unrounded(x: Tensor) -> contextlib.AbstractContextManager[object]:
    """A context for products of x in float32, on a CPU, while nothing is trained.

    A GPU sums in float32 whatever it multiplies, and training averages rounding out.
    """
    if x.device.type != "cpu" or torch.is_grad_enabled():
        return contextlib.nullcontext()
    return torch.autocast("cpu", enabled=False)
