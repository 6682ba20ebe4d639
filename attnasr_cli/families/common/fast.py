"""A net of this decoder as a CPU computes it fastest: linear layers in the processor's order.

A step of the decoder is a product of few rows, which packed weights make two to three times as
fast (``nets.packed``); the many rows of an encoder gain a sixth in float32.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from attnasr_cli.device import Placement
from attnasr_cli.families.common.net import CachedNet
from attnasr_cli.nets.packed import Packed, can_pack

COPIED = 1 << 30
"""bytes of a part that may be there twice, as it came and as it is read"""
OF_FRAMES = ("kv", "bridge")
"""layers of a decoder that are fed all frames once, and so are computed as the encoder is"""
AnyNet = TypeVar("AnyNet", bound=CachedNet)


def placed(net: AnyNet, placement: Placement, pack_decoder: bool = True) -> AnyNet:
    """A net for inference on a device; on a CPU another one, around the same storage, of whose
    encoder and decoder each is packed that is in float32 and small enough to be there twice.

    ``net`` itself keeps its modules. pack_decoder: whether the decoder may be.
    """
    if placement.device.type != "cpu" or not can_pack(torch.float32):
        return net.to(placement.device)
    fast = _shared_copy(net).eval()
    low = torch.bfloat16 if placement.dtype == "bfloat16" and can_pack() else torch.float32
    for part in fast.children():
        weights = [m.weight for m in part.modules() if isinstance(m, nn.Linear)]
        decoder = part is fast.decoder
        plain = all(weight.dtype == torch.float32 for weight in weights)
        if decoder and not pack_decoder:
            continue
        if plain and sum(weight.nbytes for weight in weights) <= COPIED:
            _pack(part, low, torch.float32 if decoder else low)
    readout, bias = fast.decoder.readout, fast.decoder.readout_bias
    if pack_decoder and readout.dtype == torch.float32 and readout.nbytes <= COPIED:
        bias = None if bias is None else bias.detach()
        fast.decoder.packed_readout = Packed(readout.detach(), bias)
    return fast


def _shared_copy(net: AnyNet) -> AnyNet:
    """New modules around the same storage."""
    memo: dict[int, object] = {
        id(p): nn.Parameter(p.detach(), requires_grad=False) for p in net.parameters()
    }
    memo |= {id(buffer): buffer.detach() for buffer in net.buffers()}
    return copy.deepcopy(net, memo)


def _pack(part: nn.Module, low: torch.dtype, other: torch.dtype) -> None:
    """All linear layers of a part, those that are fed frames in ``low``."""
    for module in list(part.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                dtype = low if name in OF_FRAMES else other
                bias = None if child.bias is None else child.bias.detach().to(dtype)
                setattr(module, name, Packed(child.weight.detach().to(dtype), bias))
