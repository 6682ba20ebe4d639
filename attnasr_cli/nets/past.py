"""What the rows of a search have read, as keys and values that the beams of an utterance share.

Hypotheses of a beam search are a tree: most of what its rows have read is the same. Each position
of it is kept once, in a store of an utterance, and a table says which positions a row descends
from. Reordering rows moves the table only, and a position that no row descends from any more is
dropped: with 20 beams a quarter of what copies for each row would take was left after 40 tokens.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

DROP_EVERY = 8
"""tokens after which positions are dropped that are of no use"""


class Past:
    """Keys and values of all layers for R = B·K rows, which have read ``length`` tokens each."""

    def __init__(
        self, keys: tuple[Tensor, ...], values: tuple[Tensor, ...], seen: Tensor, length: int
    ) -> None:
        """keys, values: of each layer, (B, H, P, D/H) at P positions; seen (B, K, P): true where a
        row descends from a position."""
        self.keys, self.values, self.seen, self.length = keys, values, seen, length

    @staticmethod
    def empty(layers: int, rows: int, heads: int, width: int, like: Tensor) -> Past:
        """Of rows that have read nothing. width: D/H."""
        nothing = (like.new_zeros(rows, heads, 0, width),) * layers
        seen = torch.zeros(rows, 1, 0, dtype=torch.bool, device=like.device)
        return Past(nothing, nothing, seen, 0)

    def grouped(self, utterances: int) -> Past:
        """The same rows with one store for those of an utterance."""
        count, K, P = self.seen.shape
        if count == utterances:
            return self
        apart = self if K == 1 else self.reorder_rows(torch.arange(count * K), together=False)
        rows, _, P = apart.seen.shape
        K = rows // utterances

        def shared(old: Tensor) -> Tensor:
            """(R, H, P, D/H) → (B, H, K·P, D/H)"""
            store: Tensor = old.unflatten(0, (utterances, K)).transpose(1, 2).flatten(2, 3)
            return store

        own = torch.eye(K, dtype=torch.bool, device=apart.seen.device)[None, :, :, None]
        seen = (own & apart.seen.view(utterances, K, 1, P)).flatten(2)
        keys, values = (tuple(map(shared, t)) for t in (apart.keys, apart.values))
        return Past(keys, values, seen, self.length)

    def table(self, positions: int) -> Tensor:
        """(B, K, n, P + K·n): what each of n new tokens of a row may look at, when those of all
        rows have been added."""
        K = self.seen.shape[1]
        device = self.seen.device
        causal = torch.ones(positions, positions, dtype=torch.bool, device=device).tril()
        own = torch.eye(K, dtype=torch.bool, device=device)[:, None, :, None] & causal[:, None]
        new = own.view(1, K, positions, K * positions).expand(len(self.seen), -1, -1, -1)
        return torch.cat([self.seen[:, :, None].expand(-1, -1, positions, -1), new], 3)

    def advanced(self, new: list[tuple[Tensor, Tensor]], table: Tensor) -> Past:
        """With the keys and values (B, H, P + K·n, D/H) of each layer, and the table for them."""
        keys, values = zip(*new, strict=True)
        return Past(keys, values, table[:, :, -1], self.length + table.shape[2])

    def reorder_rows(self, rows: Tensor, together: bool = True) -> Past:
        """Row i of the result is row ``rows[i]`` of this one; the number of rows may change."""
        B, K, _ = self.seen.shape
        utterance = torch.div(rows, K, rounding_mode="floor")
        stores, counts = torch.unique_consecutive(utterance, return_counts=True)
        size = int(counts[0])
        if together and bool((counts == size).all()):
            seen = self.seen[utterance, rows % K].view(len(stores), size, -1)
        else:  # a store for each row
            stores, seen = utterance, self.seen[utterance, rows % K][:, None]
        keys, values = self.keys, self.values
        if len(stores) != B or bool((stores != torch.arange(B, device=rows.device)).any()):
            keys, values = (tuple(t.index_select(0, stores) for t in x) for x in (keys, values))
        past = Past(keys, values, seen, self.length)
        return past._dropped() if self.length % DROP_EVERY == 0 else past

    def _dropped(self) -> Past:
        """Without the positions that no row descends from; stores of all utterances stay as long
        as the longest."""
        used = self.seen.any(1)  # (B, P)
        most = int(used.sum(1).max())
        if most == used.shape[1]:
            return self
        place = used.byte().argsort(dim=1, descending=True, stable=True)[:, :most]  # (B, P')
        seen = self.seen.gather(2, place[:, None].expand(-1, self.seen.shape[1], -1))

        def kept(old: Tensor) -> Tensor:
            index = place[:, None, :, None].expand(-1, old.shape[1], -1, old.shape[3])
            return old.gather(2, index)

        keys, values = (tuple(map(kept, t)) for t in (self.keys, self.values))
        return Past(keys, values, seen, self.length)


class Read(NamedTuple):
    """The input of the self-attention of a layer in a step: its past, and the mask."""

    keys: Tensor
    """(B, H, P, D/H)"""
    values: Tensor
    mask: Tensor
    """(B, 1, K·n, P + K·n)"""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """New queries, keys and values (B, H, K·n, D/H) → what is seen (B, H, K·n, D/H), and the
        keys and values of all positions."""
        k, v = torch.cat([self.keys, k], 2), torch.cat([self.values, v], 2)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask), (k, v)
