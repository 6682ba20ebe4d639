"""The log of a run: a line on stderr or a table on a terminal, every figure in ``train/log.jsonl``,
and for TensorBoard if the recipe asks for it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.training.reporting.live import LiveTable, clock
from attnasr_cli.training.reporting.memory import peak_memory_mb
from attnasr_cli.training.resume import TrainState

LOG = "log.jsonl"
NOTE_EVERY_S = 15.0
TABLE_EVERY_S = 2.0


class RunLog:
    """The figures of one process of a run; only the main one of several says or writes them.

    A context: inside it a terminal shows the table.
    """

    def __init__(self, out: Path, updates: int, is_main: bool, tensorboard: bool) -> None:
        """out: the folder of the run; updates: planned in all. Raises AttnasrError where
        TensorBoard's package is missing."""
        self.path, self.updates, self.is_main = out / "train" / LOG, updates, is_main
        self.board = None
        if tensorboard and is_main:
            from attnasr_cli.training.reporting.tensorboard import open_board

            self.board = open_board(out / "train" / "tensorboard")
        wanted = is_main and not console.is_quiet() and console.err_console().is_terminal
        self.table = LiveTable() if wanted else None
        self.start()

    def __enter__(self) -> RunLog:
        if self.table is not None:
            self.table.__enter__()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.table is not None:
            self.table.__exit__(kind, error, trace)
        if self.board is not None:
            self.board.close()

    def start(self) -> None:
        """Start measuring speed; time before this was not training."""
        self._losses: list[Tensor] = []
        self._audio_s = self._waited_s = 0.0
        self._since = self._shown = time.monotonic()

    def update(
        self,
        state: TrainState,
        losses: Tensor,
        audio_s: float,
        norm: float,
        rate: float,
        waited_s: float = 0.0,
    ) -> None:
        """One update was made; losses (3,): total, attention, ctc. Said every 15 s and at the end.

        audio_s: seconds of speech in its batch; norm: of all gradients, before it was clipped;
        waited_s: how long this process waited for features.
        """
        self._losses.append(losses)
        self._audio_s += audio_s
        self._waited_s += waited_s
        now = time.monotonic()
        due = now - self._since >= NOTE_EVERY_S or state.update == self.updates
        if not due and (self.table is None or now - self._shown < TABLE_EVERY_S):
            return
        total, attention, ctc = torch.stack(self._losses).mean(0).tolist()
        figures = {
            "loss": total, "attention": attention, "ctc": ctc,
            "speed": self._audio_s / max(now - self._since, 1e-9),
            "waiting": self._waited_s / max(now - self._since, 1e-9),
            "rate": rate, "gradient_norm": norm, "memory_mb": peak_memory_mb(),
        }  # fmt: skip
        left_min = (self.updates - state.update) * state.minutes / max(state.update, 1)
        if self.table is not None:
            self.table.show(state, self.updates, figures, left_min)
            self._shown = now
        if due:
            if self.table is None:
                console.note(self._line(state, figures, left_min))
            self.event(state, "train", **figures)
            self.start()

    def _line(self, state: TrainState, figures: Mapping[str, float], left_min: float) -> str:
        return (
            f"update {state.update}/{self.updates}  loss {figures['loss']:.3f}  "
            f"attention {figures['attention']:.3f}  ctc {figures['ctc']:.3f}  "
            f"{figures['speed']:.0f} audio-s/s  norm {figures['gradient_norm']:.2f}  "
            f"{figures['memory_mb']:.0f} MB  epoch {state.epoch}  {clock(left_min)} left"
        )

    def event(self, state: TrainState, kind: str, **values: Any) -> None:
        """One line of the log; numbers go to TensorBoard too. What is not finite becomes null: JSON
        has no NaN."""
        if not self.is_main:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        minutes = round(state.minutes, 2)
        hours = round(state.hours, 4)
        values = {name: _finite(value) for name, value in values.items()}
        line = {"kind": kind, "update": state.update, "minutes": minutes, "hours": hours, **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        if self.board is not None:
            self.board.add(kind, state.update, values)
        if self.table is not None and kind == "dev":
            self.table.dev(state, values)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
