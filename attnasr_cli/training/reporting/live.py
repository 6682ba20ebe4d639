"""The table of a run on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from attnasr_cli import console
from attnasr_cli.training.resume import TrainState


class LiveTable:
    """A context that keeps the last figures of a run at the foot of a terminal."""

    def __init__(self) -> None:
        from rich.live import Live

        self._dev = "not yet"
        self._live = Live(
            console=console.err_console(),
            transient=True,
            auto_refresh=False,
            redirect_stdout=False,  # results are no matter of the table
        )

    def __enter__(self) -> LiveTable:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def dev(self, state: TrainState, values: Mapping[str, Any]) -> None:
        """The dev set was decoded: ``wer`` is a share."""
        best = f"best {state.best_wer:.2%} at update {state.best_update}"
        self._dev = f"{values['wer']:.2%}  ({best})"

    def show(
        self, state: TrainState, updates: int, figures: Mapping[str, float], left_min: float
    ) -> None:
        """figures: as they stand in the log; left_min: minutes to the end at this speed."""
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        rows = {
            "update": f"{state.update} of {updates}, epoch {state.epoch}",
            "loss": f"{figures['loss']:.3f}  (attention {figures['attention']:.3f}, ctc "
            f"{figures['ctc']:.3f})",
            "dev WER": self._dev,
            "gradient norm": f"{figures['gradient_norm']:.2f}",
            "rate": f"{figures['rate']:.2e}",
            "audio": f"{state.hours:.2f} h seen, {figures['speed']:.0f} hours an hour",
            "waiting": f"{figures['waiting']:.1%} of the time, for features",
            "memory": f"{figures['memory_mb']:.0f} MB at most",
            "time": f"{clock(state.minutes)}, {clock(left_min)} left",
        }
        for name, value in rows.items():
            table.add_row(name, value)
        self._live.update(table, refresh=True)


def clock(minutes: float) -> str:
    """As people say it: ``12 min``, ``3 h 5 min``."""
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{int(minutes // 60)} h {int(minutes % 60)} min"
