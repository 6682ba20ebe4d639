"""Packs several utterances into one window of a net with windows of fixed length, such as Whisper.

Such a net computes its whole window for an utterance of 3 s, so that nine of them in one window
cost a ninth each. Some windows still have a single utterance, as short recordings are decoded that
way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Group = tuple[tuple[int, int], ...]
"""(utterance, speed) indices of the utterances in one window, in order"""

SHORTEST_PAUSE, LONGEST_PAUSE = 10, 50  # frames between two utterances of a window
OPEN = 16  # windows that are filled at the same time: the next utterance takes one with room


@dataclass(frozen=True)
class Packing:
    """How utterances share windows."""

    window: int
    """frames of a window; a longer utterance is left out"""
    tokens: np.ndarray
    """(utterances,) tokens of each text"""
    room: int
    """tokens that the net can write for a window"""
    alone: float
    """share of the utterances that get a window of their own; 1: all"""

    def groups(
        self, rows: list[tuple[int, int]], frames: np.ndarray, draw: np.random.Generator
    ) -> list[Group]:
        """Put (utterance, speed) rows into windows, in their order.

        frames (rows,) of each, pauses excluded. An utterance is in exactly one window; none holds
        more frames, the longest pauses included, or tokens than there is room for.
        """
        done: list[Group] = []
        open_windows: list[_Window] = []
        single = draw.random(len(rows)) < self.alone
        for row, size, own in zip(rows, frames.tolist(), single.tolist(), strict=True):
            if size > self.window:
                continue
            if own:
                done.append((row,))
                continue
            tokens = int(self.tokens[row[0]])
            for window in open_windows:
                fits = window.frames + LONGEST_PAUSE + size <= self.window
                if fits and window.tokens + tokens <= self.room:
                    window.add(row, LONGEST_PAUSE + size, tokens)
                    break
            else:
                if len(open_windows) == OPEN:
                    fullest = max(open_windows, key=lambda window: window.frames)
                    open_windows.remove(fullest)
                    done.append(tuple(fullest.rows))
                open_windows.append(_Window([row], size, tokens))
        return done + [tuple(window.rows) for window in open_windows]


@dataclass
class _Window:
    rows: list[tuple[int, int]]
    frames: int
    tokens: int

    def add(self, row: tuple[int, int], frames: int, tokens: int) -> None:
        self.rows.append(row)
        self.frames += frames
        self.tokens += tokens
