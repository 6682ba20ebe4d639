"""The self-attention cache of a Transformer decoder: written in place, and never reordered.

The K beams of an utterance share one buffer. Each position holds the entries of K rows, and a table
says which of the K entries belongs to a row's own history; a step attends over the whole buffer
through a mask made from that table. When the search reorders rows only the table changes: copying
the past of every beam that moves took a third of a step.

The price: a cache may be stepped from only once; after a step only the returned cache is valid. The
search works like that.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 64
"""positions allocated first; doubled whenever the buffer is full"""


class Cache:
    """Keys and values of all layers for R = B·K rows, ``length`` positions so far."""

    def __init__(self, keys: Tensor, values: Tensor, lines: Tensor | None, length: int) -> None:
        """keys and values (L, B, H, capacity, K, D/H); lines (B, K, length): which of the K entries
        at a position belongs to the history of a row; None where K is 1."""
        self.keys, self.values, self.lines, self.length = keys, values, lines, length

    @classmethod
    def empty(
        cls, layers: int, rows: int, heads: int, width: int, like: Tensor, dtype: torch.dtype
    ) -> Cache:
        """An empty cache. width: D/H, the width of one head."""
        shape = (layers, rows, heads, 0, 1, width)
        empty = like.new_empty(shape, dtype=dtype)
        return cls(empty, empty, None, 0)

    @property
    def beams(self) -> int:
        return self.keys.shape[4]

    @property
    def rows(self) -> int:
        return self.keys.shape[1] * self.beams

    def grouped(self, utterances: int) -> Cache:
        """The same rows, with one buffer for all rows of an utterance."""
        if self.keys.shape[1] == utterances:
            return self
        apart = self._apart()
        K = self.rows // utterances

        def shared(old: Tensor) -> Tensor:
            used = old[:, :, :, : self.length]
            split = used.unflatten(1, (utterances, K)).squeeze(5)  # (L, B, K, H, length, D/H)
            together: Tensor = split.permute(0, 1, 3, 4, 2, 5).contiguous()
            return together

        lines = _own(utterances, K, self.length, self.keys.device)
        return Cache(shared(apart.keys), shared(apart.values), lines, self.length)

    def reserve(self, positions: int) -> None:
        """Make room for this many more positions."""
        needed, capacity = self.length + positions, self.keys.shape[3]
        if needed <= capacity:
            return
        capacity = max(BLOCK * -(-needed // BLOCK), 2 * capacity)
        self.keys, self.values = (self._grown(t, capacity) for t in (self.keys, self.values))

    def _grown(self, old: Tensor, capacity: int) -> Tensor:
        new = old.new_empty((*old.shape[:3], capacity, *old.shape[4:]))
        new[:, :, :, : self.length] = old[:, :, :, : self.length]
        return new

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store keys and values (B, H, K·n, D/H) of n new positions in one layer and return all
        of that layer's (B, H, (length + n)·K, D/H). ``length`` moves on with ``advanced``."""
        end = self.length + keys.shape[2] // self.beams
        found = []
        for store, new in ((self.keys[layer], keys), (self.values[layer], values)):
            store[:, :, self.length : end] = new.unflatten(2, (self.beams, -1)).transpose(2, 3)
            found.append(store[:, :, :end].flatten(2, 3))
        return found[0], found[1]

    def hidden(self, positions: int) -> Tensor | None:
        """(B, 1, K·n, (length + n)·K), true where one of n new positions must not attend; None
        where all may attend to everything."""
        if self.lines is None and positions == 1:
            return None
        device, K, B = self.keys.device, self.beams, self.keys.shape[1]
        lines = self._lines(positions)  # (B, K, length + n)
        own = lines[:, :, None, :, None] == torch.arange(K, device=device)
        place = torch.arange(lines.shape[2], device=device)
        past = place <= place[self.length :, None]  # (n, length + n)
        return ~(own & past[..., None]).view(B, 1, K * positions, -1)

    def advanced(self, positions: int) -> Cache:
        """The same storage after all layers have appended this many positions."""
        lines = None if self.lines is None else self._lines(positions)
        return Cache(self.keys, self.values, lines, self.length + positions)

    def _lines(self, positions: int) -> Tensor:
        """The table (B, K, length + n) with n new positions, each belonging to its own row."""
        B, K, device = self.keys.shape[1], self.beams, self.keys.device
        if self.lines is None:
            return _own(B, K, self.length + positions, device)
        return torch.cat([self.lines, _own(B, K, positions, device)], 2)

    def reorder_rows(self, rows: Tensor) -> Cache:
        """Row i of the result is row ``rows[i]`` of this one; the number of rows may change."""
        K, count = self.beams, rows.shape[0]
        if self.lines is not None and count % K == 0:
            utterance = rows // K
            place = torch.arange(count, device=rows.device)
            if count == self.rows and bool((utterance == place // K).all()):
                lines = self.lines.flatten(0, 1).index_select(0, rows).view_as(self.lines)
                return Cache(self.keys, self.values, lines, self.length)
            if bool((rows == utterance[::K].repeat_interleave(K) * K + place % K).all()):
                return self._picked(utterance[::K])
            return self._apart()._picked(rows)
        return self._apart()._picked(rows)

    def _picked(self, utterances: Tensor) -> Cache:
        used = (t[:, :, :, : self.length] for t in (self.keys, self.values))
        keys, values = (t.index_select(1, utterances) for t in used)
        lines = None if self.lines is None else self.lines.index_select(0, utterances)
        return Cache(keys, values, lines, self.length)

    def _apart(self) -> Cache:
        """A buffer for each row, with its own history only."""
        if self.lines is None:
            return self
        index = self.lines.transpose(1, 2)[None, :, None, :, :, None]  # (1, B, 1, length, K, 1)

        def single(old: Tensor) -> Tensor:
            line = old[:, :, :, : self.length].take_along_dim(index, 4)
            return line.permute(0, 1, 4, 2, 3, 5).flatten(1, 2).unsqueeze(4)

        return Cache(single(self.keys), single(self.values), None, self.length)


def _own(utterances: int, beams: int, positions: int, device: torch.device) -> Tensor:
    """(B, K, n) with the number of each beam."""
    own = torch.arange(beams, device=device)[None, :, None]
    return own.expand(utterances, beams, positions)
