"""Weights in eight bits for a file: half the size of float16, read back as float32.

Each row of a matrix (all but the first axis) has one scale, the largest magnitude over 127, kept in
float32 beside it as ``NAME.scale``. Small tensors and vectors stay in float16.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"
SMALLEST = 4096  # numbers; below, the half that would be saved is not worth the rounding


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Large floating tensors (N, …) as int8 with scales (N, 1, …), others in float16."""
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[name] = tensor
        elif tensor.dim() < 2 or tensor.numel() < SMALLEST:
            packed[name] = tensor.half()
        else:
            axes = tuple(range(1, tensor.dim()))
            scale = tensor.float().abs().amax(axes, keepdim=True).clamp_min(1e-12) / 127
            packed[name] = (tensor.float() / scale).round().to(torch.int8)
            packed[name + SCALE] = scale
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of ``pack``: tensors in float32; other tensors unchanged."""
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        scale = tensors.get(name + SCALE)
        if scale is not None:
            plain[name] = tensor.float() * scale
        elif not (name.endswith(SCALE) and name.removesuffix(SCALE) in tensors):
            plain[name] = tensor
    return plain
