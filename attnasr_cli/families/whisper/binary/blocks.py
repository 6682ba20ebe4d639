"""The block-wise number formats of ggml: 32 values share a scale, and in some forms a minimum.

One block is, in this order: scale (float16), minimum (float16, in the forms ``_1``), fifth bits
(32, in the forms of five bits), values. Of four-bit values, byte j holds value j below and value
j + 16 above.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 32


@dataclass(frozen=True)
class NumberType:
    """A number format: how values are stored in blocks."""

    name: str
    values: int
    """in one block"""
    size: int
    """bytes of one block"""


TYPES = {
    0: NumberType("f32", 1, 4),
    1: NumberType("f16", 1, 2),
    2: NumberType("q4_0", BLOCK, 2 + 16),
    3: NumberType("q4_1", BLOCK, 4 + 16),
    6: NumberType("q5_0", BLOCK, 2 + 4 + 16),
    7: NumberType("q5_1", BLOCK, 4 + 4 + 16),
    8: NumberType("q8_0", BLOCK, 2 + 32),
    30: NumberType("bf16", 1, 2),
}
"""by the number that a tensor has for its type"""
_PLAIN = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
_MIDDLE = {"q4_0": 8, "q5_0": 16}
"""the stored value that means 0, where there is no minimum"""


def dequantize(data: Tensor, kind: NumberType) -> Tensor:
    """Bytes of whole blocks, uint8 → values (N,), float32."""
    if kind.name in _PLAIN:
        return data.view(_PLAIN[kind.name]).float()
    blocks = data.view(-1, kind.size)
    scale = _half(blocks, 0)
    if kind.name == "q8_0":
        return (blocks[:, 2:].view(torch.int8).float() * scale).view(-1)
    at = 2
    if kind.name.endswith("_1"):
        minimum, at = _half(blocks, 2), 4
    packed = blocks[:, -16:]
    values = torch.cat([packed & 15, packed >> 4], 1)  # (blocks, 32)
    if kind.name.startswith("q5"):
        values |= _bits(blocks[:, at : at + 4]) << 4
    if kind.name.endswith("_1"):
        return values.float().mul_(scale).add_(minimum).view(-1)
    return values.float().sub_(_MIDDLE[kind.name]).mul_(scale).view(-1)


def _half(blocks: Tensor, at: int) -> Tensor:
    """The float16 at a byte of each block, (blocks, 1) float32."""
    return blocks[:, at : at + 2].contiguous().view(torch.float16).float()


def _bits(words: Tensor) -> Tensor:
    """(blocks, 4) bytes → (blocks, 32) bits, the lowest first"""
    places = torch.arange(8, dtype=torch.uint8)
    return ((words[:, :, None] >> places) & 1).view(-1, BLOCK)
