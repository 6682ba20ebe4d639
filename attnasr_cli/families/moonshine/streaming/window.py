"""Windowed attention: each position attends to some positions before and after it.

It is computed in blocks of queries against the keys in their windows, so that the cost is linear in
the length of an utterance.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 64
"""queries at once: products of 64 queries and 82 keys are large enough to be fast"""


def window_mask(lengths: Tensor, size: int, before: int, after: int) -> Tensor:
    """lengths (B,) of utterances of at most ``size`` positions → (B, N, 1, BLOCK, W), true where a
    query of block N may attend to a key: one of ``before`` positions up to and with its own, or one
    of ``after`` positions behind it, if it is audio. Padding attends to itself, so that no row is
    empty."""
    device = lengths.device
    blocks = -(-size // BLOCK)
    first = torch.arange(blocks, device=device)[:, None, None] * BLOCK
    query = first + torch.arange(BLOCK, device=device)[:, None]  # (N, BLOCK, 1)
    key = first + torch.arange(1 - before, BLOCK + after, device=device)  # (N, 1, W)
    distance = query - key
    near = (distance < before) & (distance >= -after) & (key >= 0)
    valid = key < lengths[:, None, None, None]  # (B, N, 1, W)
    return ((near & valid) | (distance == 0))[:, :, None]


def windowed_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor, before: int, after: int
) -> Tensor:
    """q, k, v (B, H, S, d) and the mask of these windows → (B, H, S, d)"""
    B, S = q.shape[0], q.shape[2]
    blocks = mask.shape[1]
    rest = blocks * BLOCK - S
    queries = F.pad(q, (0, 0, 0, rest)).unflatten(2, (blocks, BLOCK))  # (B, H, N, BLOCK, d)
    edges = (0, 0, before - 1, rest + after)
    width = BLOCK + before - 1 + after
    keys = F.pad(k, edges).unfold(2, width, BLOCK).transpose(-1, -2)  # (B, H, N, W, d)
    values = F.pad(v, edges).unfold(2, width, BLOCK).transpose(-1, -2)
    mixed = F.scaled_dot_product_attention(
        queries.transpose(1, 2).flatten(0, 1),
        keys.transpose(1, 2).flatten(0, 1),
        values.transpose(1, 2).flatten(0, 1),
        attn_mask=mask.flatten(0, 1),
    )  # (B·N, H, BLOCK, d)
    joined: Tensor = mixed.unflatten(0, (B, blocks)).transpose(1, 2).flatten(2, 3)
    return joined[:, :, :S]
