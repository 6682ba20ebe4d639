"""Linear layers with weights in 8 bits and a scale for each output, on a CPU.

Activations are quantised dynamically, each row with its own scale, so that results do not depend
on the other rows of the batch. Processors without 8-bit dot products (VNNI) keep sums of two
products in 16 bits, so weights have 7 bits there. Where torch lacks the operators, its dynamic
layer has one scale for all rows.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn

MIDDLE = 128
"""the zero point of unsigned 8-bit activations, which the instruction takes as its left operand"""
SMALLEST = 1e-12
AGAIN = 32
"""outputs that are computed again in float32, more than a search asks for"""
ROWS = 4096
"""rows of a weight that are quantised at once"""


class Quantized(nn.Module):
    """A linear layer in int8: weights by row, activations by row; float32 out."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """weight (out, in) and bias (out,) in any floating type"""
        super().__init__()
        weight = weight.detach().cpu()
        low = torch.empty(weight.shape, dtype=torch.int8)
        scales = []
        # Bit by bit: an output layer in float32 is 100 MB and more, and needs none beside it.
        for rows, kept in zip(weight.split(ROWS), low.split(ROWS), strict=True):
            some = rows.float()
            scale = (some.abs().amax(1) / 127).clamp_min(SMALLEST)
            kept.copy_((some / scale[:, None]).round())
            scales.append(scale)
        self.scale = torch.cat(scales)  # (out,)
        self.packed: Tensor = torch.ops.onednn.qlinear_prepack(low, None)
        self.zero = torch.zeros(weight.shape[0], dtype=torch.int32)
        self.bias = None if bias is None else bias.detach().float().cpu()

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        flat = x.reshape(-1, x.shape[-1]).float()
        top = _largest(flat)  # (rows, 1)
        low = (flat * (127 / top)).add_(MIDDLE + 0.5).to(torch.uint8)  # cut off: rounded
        y = torch.ops.onednn.qlinear_pointwise(
            low, 1.0, MIDDLE, self.packed, self.scale, self.zero, None,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        y *= top.mul_(1 / 127)
        if self.bias is not None:
            y += self.bias
        return cast(Tensor, y.view(*x.shape[:-1], -1))


class PairwiseQuantized(nn.Module):
    """The same for processors that add two products in 16 bits (AVX2): weights in 7 bits.

    Of the two factors the weights lose less: the numbers of a row of activations lie further apart.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """weight (out, in) and bias (out,) in any floating type"""
        super().__init__()
        self.packed = _prepacked(weight, None, 63)
        self.bias = None if bias is None else bias.detach().float().clone()

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        flat = x.reshape(-1, x.shape[-1]).float()
        top = _largest(flat)  # (rows, 1)
        layer = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        y = cast(Tensor, layer(flat / top, 1 / 127, MIDDLE, self.packed))
        y = y.mul_(top) if self.bias is None else torch.addcmul(self.bias, y, top)
        return y.view(*x.shape[:-1], -1)


class DynamicallyQuantized(nn.Module):
    """The same with torch's dynamic layer: one scale for all rows."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.packed = _prepacked(weight, bias, 127)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        flat = x.float().reshape(-1, x.shape[-1])
        # Without VNNI sums of two products are kept in 16 bits: 7 bits for what comes in.
        y = torch.ops.quantized.linear_dynamic(flat, self.packed, not has_vnni())
        return cast(Tensor, y).view(*x.shape[:-1], -1)


class Screened(nn.Module):
    """An output layer in float32 that looks in 8 bits first, and then again at the largest results.

    A step reads a quarter of the bytes, and which of the best is better is decided in float32.
    """

    def __init__(self, weight: Tensor) -> None:
        """weight (out, in) in float32, which is kept and not copied"""
        super().__init__()
        self.weight = weight.detach()
        self.screen = quantized(weight, None)
        self.again = min(AGAIN, weight.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        flat = x.reshape(-1, x.shape[-1]).float()
        y = cast(Tensor, self.screen(flat))  # (rows, out)
        best = y.topk(self.again, -1).indices  # (rows, AGAIN)
        y.scatter_(-1, best, torch.bmm(self.weight[best], flat[:, :, None])[..., 0])
        return y.view(*x.shape[:-1], -1)


def _largest(flat: Tensor) -> Tensor:
    """(rows, in) → the largest absolute value of each row (rows, 1), above 0"""
    top = torch.maximum(flat.amax(-1, keepdim=True), -flat.amin(-1, keepdim=True))
    return top.clamp_min_(SMALLEST)


def _prepacked(weight: Tensor, bias: Tensor | None, top: int) -> Any:
    """torch's form of a weight (out, in) with numbers from -top to top, and a bias (out,)."""
    weight = weight.detach().float().cpu().contiguous()
    scale = (weight.abs().amax(1).double() / top).clamp_min(SMALLEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that this form of int8 tensor may move
        zero = torch.zeros(weight.shape[0], dtype=torch.long)
        low = torch.quantize_per_channel(weight, scale, zero, 0, torch.qint8)
        # The layer keeps the bias itself, and with a view the whole file that it was read from.
        own = None if bias is None else bias.detach().float().clone()
        return torch.ops.quantized.linear_prepack(low, own)


def quantized(weight: Tensor, bias: Tensor | None) -> nn.Module:
    """The fastest int8 layer on this machine."""
    if can_quantize_rows():
        return Quantized(weight, bias)
    return (PairwiseQuantized if can_quantize_pairs() else DynamicallyQuantized)(weight, bias)


@lru_cache(maxsize=1)
def has_vnni() -> bool:
    """Whether the processor has 8-bit dot products with 32-bit sums (VNNI)."""
    probe = getattr(torch.cpu, "_is_vnni_supported", None)
    return bool(probe()) if probe is not None else False


@lru_cache(maxsize=1)
def can_quantize_rows() -> bool:
    """Whether this torch has oneDNN's layer, and the processor has VNNI.

    Its operators are private to torch, so a small product is computed with them and compared.
    """
    if "onednn" not in torch.backends.quantized.supported_engines or not has_vnni():
        return False
    return _computes(Quantized)


def can_quantize() -> bool:
    """Whether results in 8 bits do not depend on the other rows of a batch."""
    return can_quantize_rows() or can_quantize_pairs()


@lru_cache(maxsize=1)
def can_quantize_pairs() -> bool:
    """Whether this torch has FBGEMM's layer with a given scale, which AVX2 computes."""
    fbgemm = "fbgemm" in torch.backends.quantized.supported_engines
    return fbgemm and _computes(PairwiseQuantized)


def _computes(kind: type[nn.Module]) -> bool:
    """Whether a small product comes out right."""
    weight = torch.tensor([[1.0, 2.0], [-3.0, 4.0]])
    try:
        found = kind(weight, torch.ones(2))(torch.eye(2))
    except (AttributeError, RuntimeError, TypeError):
        return False
    return found.shape == (2, 2) and bool(((found - 1 - weight.T).abs() < 0.1).all())
