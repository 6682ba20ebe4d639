"""A net of this decoder as a CPU computes it fastest.

All linear layers are in the processor's order (``nets.packed``): a step of the decoder is a product
of few rows, which that makes two to three times as fast. In bfloat16 the products, the convolutions
and the keys and values of the memory are in it, and the output layer in 8 bits; what runs through
the layers, their norms and the cache of the decoder stay in float32.
"""

from __future__ import annotations

import copy
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.device import Placement
from attnasr_cli.families.common.blocks import CrossAttention, FrameConv
from attnasr_cli.families.common.int8 import can_quantize_rows, quantized
from attnasr_cli.families.common.net import CachedNet
from attnasr_cli.nets.packed import Packed, can_pack, has_tiles

COPIED = 1 << 30
"""bytes of a part that may be there twice, as it came and as it is read"""
AnyNet = TypeVar("AnyNet", bound=CachedNet)


class Plain(nn.Module):
    """A linear layer in the type of its weight, in torch's own order; takes any floating type."""

    def __init__(self, weight: Tensor, bias: Tensor | None, then: str = "none") -> None:
        """weight (out, in), bias (out,) of one type; then: the function behind it"""
        super().__init__()
        self.weight, self.bias, self.then = weight, bias, then

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)"""
        y = F.linear(x.to(self.weight.dtype), self.weight, self.bias)
        return y if self.then == "none" else cast(Tensor, getattr(F, self.then)(y))


class PackedConv(nn.Module):
    """A convolution over frames as a product with the frames that it spans, which lie side by
    side."""

    def __init__(self, conv: FrameConv, dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        weight = conv.weight.detach().to(dtype).transpose(1, 2).flatten(1)  # (C', kernel · C)
        bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        self.product = Packed(weight, bias, conv.then)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) → (B, (T − kernel) // stride + 1, C')"""
        spans = x.to(self.product.dtype).unfold(1, self.kernel, self.stride)  # (B, T', C, kernel)
        return cast(Tensor, self.product(spans.transpose(2, 3).flatten(2)))


def placed(net: AnyNet, placement: Placement) -> AnyNet:
    """A net for inference on a device; on a CPU another one, around the same storage, that computes
    in the placement's precision by itself (not under autocast).

    ``net`` itself keeps its modules. A part whose weights are there already in that precision is
    packed if it is small enough to be there twice.
    """
    if placement.device.type != "cpu":
        return net.to(placement.device)
    low = torch.bfloat16 if placement.dtype == "bfloat16" else torch.float32
    fast = _shared_copy(net).eval()
    for part in fast.children():
        _lower(part, low)
    readout, bias = fast.decoder.readout.detach(), fast.decoder.readout_bias
    bias = None if bias is None else bias.detach()
    if low == torch.bfloat16 and can_quantize_rows():
        fast.decoder.packed_readout = quantized(readout, bias)
    elif can_pack(low) and readout.nbytes <= COPIED:
        fast.decoder.packed_readout = Packed(
            readout.to(low), None if bias is None else bias.to(low)
        )
    return fast


def _shared_copy(net: AnyNet) -> AnyNet:
    """New modules around the same storage."""
    memo: dict[int, object] = {
        id(p): nn.Parameter(p.detach(), requires_grad=False) for p in net.parameters()
    }
    memo |= {id(buffer): buffer.detach() for buffer in net.buffers()}
    return copy.deepcopy(net, memo)


def _lower(part: nn.Module, low: torch.dtype) -> None:
    """Linear layers and convolutions of a part in ``low``."""
    weights = [m.weight for m in part.modules() if isinstance(m, nn.Linear)]
    size = sum(weight.nbytes for weight in weights if weight.dtype == low)
    packs = can_pack(low) and size <= COPIED
    for module in list(part.modules()):
        if isinstance(module, CrossAttention) and low == torch.bfloat16 and not has_tiles():
            module.memory_dtype = torch.float32  # without them, few queries are slow in bfloat16
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                bias = None if child.bias is None else child.bias.detach().to(low)
                kind = Packed if packs else Plain
                then = getattr(child, "then", "none")
                setattr(module, name, kind(child.weight.detach().to(low), bias, then))
            elif isinstance(child, FrameConv) and packs:
                setattr(module, name, PackedConv(child, low))
            elif isinstance(child, nn.Conv2d):  # as plain bfloat16 they take four times as long
                child.to(low)
                child.weight.data = child.weight.data.contiguous(memory_format=torch.channels_last)
            elif isinstance(child, nn.Conv1d):
                child.to(low)
