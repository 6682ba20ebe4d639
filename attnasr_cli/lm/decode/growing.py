"""An array that grows at its end."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Growing:
    """An array (n, …) that grows at its end. What a reader holds neither changes nor moves, so one
    thread may add while others read."""

    def __init__(self, shape: tuple[int, ...], kind: npt.DTypeLike, room: int = 256) -> None:
        """shape: of one element, () for a number."""
        self.room = np.zeros((room, *shape), kind)
        """the elements, and room behind them"""
        self.size = 0

    @property
    def all(self) -> npt.NDArray[Any]:
        return self.room[: self.size]

    def add(self, rows: npt.NDArray[Any]) -> None:
        """Append rows (m, …)."""
        size = self.size + len(rows)
        if size > len(self.room):
            room = np.zeros((2 * size, *self.room.shape[1:]), self.room.dtype)
            room[: self.size] = self.all
            self.room = room
        self.room[self.size : size] = rows
        self.size = size
