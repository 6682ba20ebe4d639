"""The self-attention cache of a Transformer decoder: written in place, a step costs one row copy.

A value that is a tree of tensors would be copied whole at every step. This one owns its storage:
``append`` writes behind the last position, and ``reorder_rows`` moves only the rows that change
places. What it costs: a cache that was stepped from or reordered is used up, and only the one that
came back may be fed again. The search never does otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 64
"""positions that are added when the storage is full; doubled from then on"""


class Cache:
    """Keys and values of all layers for R rows, ``length`` positions so far."""

    def __init__(self, keys: Tensor, values: Tensor, length: int) -> None:
        """keys and values (L, R, H, capacity, D/H)"""
        self.keys, self.values, self.length = keys, values, length

    @classmethod
    def empty(
        cls, layers: int, rows: int, heads: int, width: int, like: Tensor, dtype: torch.dtype
    ) -> Cache:
        """A cache for rows that have seen nothing. width: D/H of one head."""
        shape = (layers, rows, heads, 0, width)
        return cls(like.new_empty(shape, dtype=dtype), like.new_empty(shape, dtype=dtype), 0)

    @property
    def rows(self) -> int:
        return self.keys.shape[1]

    def reserve(self, positions: int) -> None:
        """Make room for this many positions behind the present ones."""
        needed, capacity = self.length + positions, self.keys.shape[3]
        if needed <= capacity:
            return
        capacity = max(BLOCK * -(-needed // BLOCK), 2 * capacity)
        self.keys, self.values = (self._grown(t, capacity) for t in (self.keys, self.values))

    def _grown(self, old: Tensor, capacity: int) -> Tensor:
        new = old.new_empty((*old.shape[:3], capacity, old.shape[4]))
        new[:, :, :, : self.length] = old[:, :, :, : self.length]
        return new

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store keys and values (R, H, n, D/H) of new positions in one layer and return all of
        that layer's (R, H, length + n, D/H). ``length`` moves on with ``advanced``."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def advanced(self, positions: int) -> Cache:
        """The same storage after all layers have appended this many positions."""
        return Cache(self.keys, self.values, self.length + positions)

    def reorder_rows(self, rows: Tensor) -> Cache:
        """Row i of the result is row ``rows[i]`` of this one; the number of rows may change."""
        if rows.shape[0] != self.rows:
            return Cache(
                self._picked(self.keys, rows), self._picked(self.values, rows), self.length
            )
        moved = (rows != torch.arange(self.rows, device=rows.device)).nonzero()[:, 0]
        if moved.numel():
            source = rows[moved]
            for tensor in (self.keys, self.values):
                used = tensor[:, :, :, : self.length]
                used.index_copy_(1, moved, used.index_select(1, source))
        return Cache(self.keys, self.values, self.length)

    def _picked(self, old: Tensor, rows: Tensor) -> Tensor:
        layers, _, heads, capacity, width = old.shape
        new = old.new_empty((layers, rows.shape[0], heads, capacity, width))
        new[:, :, :, : self.length] = old[:, :, :, : self.length].index_select(1, rows)
        return new
