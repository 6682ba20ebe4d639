"""Chooses the n-grams that a small model keeps, by relative entropy pruning (Stolcke 1998).

Leaving out the n-gram (h, w) changes the distribution after h only: w comes from the shorter
context then, and the back-off weight γ(h) becomes γ'(h). The loss is the relative entropy of the
two models, weighed with how often h occurs:

    loss = -p(h) [ p(w|h) (log p(w|h') + log γ' - log p(w|h)) + (log γ' - log γ) Σ_{unseen} p(·|h) ]

p(h) is the relative frequency in the text, since lower orders of a Kneser-Ney model do not estimate
it (Chelba et al. 2010). Everything under a threshold goes, except contexts of what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.counts import Level
from attnasr_cli.lm.kneser_ney import Estimate, Floats, Mask

SLICE = 1 << 22  # n-grams at once, to bound memory
Losses = npt.NDArray[np.float32]


def level_losses(level: Level, p: Floats, below: Floats, gamma: Floats, total: float) -> Losses:
    """(M,) loss of every n-gram of one order.

    p (M,) and ``below`` (M',): probabilities at this order and the one below; gamma (M',).
    """
    contexts = len(gamma)
    frequency = np.bincount(level.prefix, level.times, contexts) / total
    free = 1.0 - np.bincount(level.prefix, below[level.suffix], contexts)  # Σ_{unseen} p(·|h')
    free = np.maximum(free, 1e-9)
    unseen = gamma * free  # Σ_{unseen} p(·|h)
    losses = np.empty(len(level), np.float32)
    for start in range(0, len(level), SLICE):
        at = slice(start, start + SLICE)
        h, q, pw = level.prefix[at], below[level.suffix[at]], p[at]
        changed = np.log((unseen[h] + pw) / (free[h] + q))  # log γ'
        loss = pw * (np.log(q) + changed - np.log(pw))
        loss += unseen[h] * (changed - np.log(np.maximum(gamma[h], 1e-12)))
        losses[at] = -frequency[h] * loss
    return losses


def losses(levels: Sequence[Level], full: Estimate) -> list[Losses]:
    """The loss of every n-gram of orders 2 … n."""
    total = float(levels[0].times.sum())
    return [
        level_losses(
            levels[k], full.probability[k], full.probability[k - 1], full.backoff[k - 1], total
        )
        for k in range(1, len(levels))
    ]


def keep(levels: Sequence[Level], loss: Sequence[Losses], threshold: float) -> list[Mask]:
    """Masks (M,) of orders 1 … n: loss at least the threshold, or a context of such an n-gram."""
    masks: list[Mask] = [loss[-1] >= threshold]
    for k in range(len(levels) - 2, -1, -1):
        mask = np.ones(len(levels[0]), bool) if k == 0 else loss[k - 1] >= threshold
        mask[levels[k + 1].prefix[masks[0]]] = True
        masks.insert(0, mask)
    return masks


def threshold_for(
    levels: Sequence[Level], loss: Sequence[Losses], cost: Sequence[float], budget: float
) -> float:
    """The smallest threshold with which Σ kept · cost stays in the budget (bytes).

    cost: bytes of an n-gram of each order.
    """
    low, high = -40.0, 0.0  # logarithms
    for _ in range(22):
        middle = (low + high) / 2
        masks = keep(levels, loss, float(np.exp(middle)))
        size = sum(c * np.count_nonzero(m) for c, m in zip(cost, masks, strict=True))
        low, high = (middle, high) if size > budget else (low, middle)
    return float(np.exp(high))
