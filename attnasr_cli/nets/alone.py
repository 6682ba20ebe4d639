"""What gives an utterance the same numbers alone and in any batch, bit for bit, on a CPU.

Padding never reaches what is valid, but its amount may change how a sum is parted: the kernels work
on blocks of positions, and what is left over is summed, or its exponentials are computed, in
another way. In bfloat16 such a last bit moved log probabilities by up to 0.09. So frames and
positions come in whole blocks here, and long sums over positions in parts of a fixed size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 64
"""positions: what the products in bfloat16 take at a time, at most"""
PART = 4 * BLOCK
"""positions that a product in float32 sums without parting them itself (up to 384 were seen)"""
FRAMES = 64
"""feature frames, 0.64 s: 16 positions where four frames make one, 8 at half of that rate; 8 times
a width that 4 divides fills vectors of 32 numbers"""
SMALL = 20_480
"""numbers up to which torch gives a convolution to another kernel"""


def whole_frames(features: Tensor) -> Tensor:
    """features (B, T, F) → (B, T', F), T' the next multiple of ``FRAMES`` that makes more than
    ``SMALL`` numbers; the rest is 0."""
    B, T, bins = features.shape
    size = max(T, SMALL // (B * bins) + 1)
    return F.pad(features, (0, 0, 0, size - T + -size % FRAMES))


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot-product attention without gradients: q (B, H, n, d), k and v (B, H, m, d) → (B, H,
    n, d). The mask broadcasts to (B, 1, n, m) and is true where a query may attend."""
    n, m = q.shape[-2], k.shape[-2]
    q = F.pad(q, (0, 0, 0, -n % BLOCK))
    k, v = (F.pad(x, (0, 0, 0, -m % BLOCK)) for x in (k, v))
    mask = F.pad(mask, (0, -m % BLOCK))
    if mask.shape[-2] > 1:  # rows that are thrown away attend to anything: to nothing is no number
        mask = F.pad(mask, (0, 0, 0, -n % BLOCK), value=True)
    if q.dtype == torch.float32:
        masks = mask.expand(q.shape[0], 1, *mask.shape[-2:])
        seen = torch.stack([_in_parts(*one) for one in zip(q, k, v, masks, strict=True)])
    else:
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return seen[..., :n, :]


def _in_parts(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """The same for one utterance, whose scores stay in the cache: (H, n, d) → (H, n, d). It takes
    1.4 times as long as the fused kernel, which sums over all positions at once."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)  # (H, n, m)
    weights = scores.masked_fill_(~mask, float("-inf")).softmax(-1)
    parts = zip(weights.split(PART, -1), v.split(PART, -2), strict=True)
    seen = torch.zeros_like(q)
    for some, values in parts:
        seen += some @ values
    return seen
