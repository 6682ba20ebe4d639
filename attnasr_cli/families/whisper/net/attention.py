"""Self-attention over a whole window, in the fastest form for the processor.

torch's fused attention is the right choice everywhere but one: in bfloat16 on processors that have
instructions for it without having matrix tiles (AMX) it falls back to slow products. There, plain
products over a few hundred queries at a time, whose scores stay in the cache, take a third of the
time (15 instead of 48 ms for a window in a layer of "tiny" on one core).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.nets.packed import has_tiles

QUERIES = 500
"""queries at a time: 500 · 1500 scores of 2 bytes are 1.5 MB for each head"""
SAFE = (1e-20, 1e30)
"""sums of weights between which no weight that counts has left the range of the numbers"""


def full_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Unmasked attention: q, k, v (B, H, S, D/H) → (B, H, S, D/H)."""
    slow = q.device.type == "cpu" and q.dtype == torch.bfloat16 and not has_tiles()
    if slow and not torch.is_grad_enabled():  # products into given storage have no gradients
        return _blocked(q, k, v)
    return F.scaled_dot_product_attention(q, k, v)


def _blocked(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """First with weights that are only divided by their sum in the end, over 64 mixed values
    instead of 1500 weights, and without the largest score of a row taken off, which costs as much
    as the exponential itself. Scores between −46 and 69 allow that; where sums show that some do
    not, once more with a softmax."""
    q, k, v = (
        (q * q.shape[-1] ** -0.5).contiguous(),
        k.transpose(-1, -2).contiguous(),
        v.contiguous(),
    )
    sums = q.new_empty((*q.shape[:3], 1))
    out = _in_blocks(q, k, v, sums)
    low, high = sums.aminmax()
    if low > SAFE[0] and high < SAFE[1]:
        out /= sums
        return out
    return _in_blocks(q, k, v, None)


def _in_blocks(q: Tensor, k: Tensor, v: Tensor, sums: Tensor | None) -> Tensor:
    """q, v (B, H, S, D/H), k (B, H, D/H, S) → (B, H, S, D/H), heads side by side in memory; where
    ``sums`` (B, H, S, 1) are wanted, weights are exponentials and these are their sums."""
    B, H, S, width = q.shape
    together = min(torch.get_num_threads(), H)  # threads share a product of heads best
    buffer = q.new_empty(together * QUERIES * S)
    out = q.new_empty(B, S, H, width).transpose(1, 2)
    for b in range(B):
        for head in range(0, H, together):
            for start in range(0, S, QUERIES):
                here = b, slice(head, head + together), slice(start, start + QUERIES)
                some = q[here]
                scores = buffer[: some.shape[0] * some.shape[1] * S].view(*some.shape[:2], S)
                torch.bmm(some, k[here[:2]], out=scores)
                if sums is None:
                    weights = scores.softmax(-1)
                else:
                    weights = scores.exp_()
                    sums[here] = weights.sum(-1, keepdim=True)
                out[here] = torch.bmm(weights, v[here[:2]])
    return out
