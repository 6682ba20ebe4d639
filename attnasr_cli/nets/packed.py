"""Linear layers on a CPU with weights in the layout that the processor reads fastest.

torch passes plain bfloat16 weights to oneDNN, which reorders them at every call. For the 1500
positions of an encoder that costs a twentieth; for the few rows of a decoder step it is most of the
time (a row times the output layer of "tiny" on one core: 2.9 ms, reordered beforehand 0.85 ms).
Weights in float32 go to MKL, which takes twice as long as oneDNN on processors that are not
Intel's. torch's compiler reorders weights with the same two operators.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn

THEN = {"none": "none", "relu": "relu", "gelu": "gelu", "silu": "swish"}
"""functions of torch and what oneDNN calls them"""
ROWS = 8
"""rows that oneDNN is told to expect; no measurable effect"""


class Packed(nn.Module):
    """A linear layer in the type of its weight; takes any floating type."""

    def __init__(self, weight: Tensor, bias: Tensor | None, then: str = "none") -> None:
        """weight (out, in), bias (out,), both in bfloat16 or float32; then: one of ``THEN``, the
        function that is applied to the result while it is in the processor's registers"""
        super().__init__()
        self.weight, self.dtype = order(weight), weight.dtype
        self.bias, self.then = bias, THEN[then]

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        return product(x.to(self.dtype), self.weight, self.bias, self.then)


def order(weight: Tensor) -> Tensor:
    """weight (out, in) in bfloat16 or float32 → the reordered weight, for ``product`` only"""
    return cast(Tensor, torch.ops.mkldnn._reorder_linear_weight(weight, ROWS))


def product(x: Tensor, weight: Tensor, bias: Tensor | None, then: str = "none") -> Tensor:
    """x (…, in), an ordered weight and bias (out,), of one type → (…, out)"""
    how = "none" if then == "gelu" else ""
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], how))


@lru_cache(maxsize=1)
def has_tiles() -> bool:
    """Whether the processor multiplies tiles of matrices (AMX)."""
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe()) if probe is not None else False


@lru_cache(maxsize=2)
def can_pack(dtype: torch.dtype = torch.bfloat16) -> bool:
    """Whether this torch has oneDNN with these operators, and the processor what they need.

    They are private to torch, so a small product is computed with them and compared: another
    version may lack them, or want other arguments.
    """
    weight, x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).to(dtype), torch.eye(2).to(dtype)
    try:
        low = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        found = product(x, order(weight), torch.ones(2).to(dtype))
    except (AttributeError, RuntimeError, TypeError):
        return False
    right = found.shape == (2, 2) and torch.equal(found.float(), weight.T.float() + 1)
    return right and (bool(low) or dtype == torch.float32)


def pack(part: nn.Module) -> None:
    """Replace all linear layers of a part that are in bfloat16 or float32."""
    for module in list(part.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                bias = None if child.bias is None else child.bias.detach()
                setattr(module, name, Packed(child.weight.detach(), bias))
