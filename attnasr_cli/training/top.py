"""The weights of the best evaluations of a run, and their mean: often better than each of them
(Vaswani et al. 2017, section 6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli.errors import ModelError
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.resume import TrainState, load_state, save_state


class Top:
    """Up to ``count`` files of weights in ``train/top``; with 0 or 1 there are none."""

    def __init__(self, out: Path, count: int, world: World) -> None:
        self.folder, self.count, self.world = out / "train" / "top", count, world

    def add(self, wer: float, weights: Mapping[str, Tensor], state: TrainState) -> None:
        """Save the weights of this update if they are among the best; among equals the later one
        wins."""
        if self.count < 2:
            return
        ranked = [one for one in state.top if one[1] != state.update]
        ranked = sorted([[wer, state.update], *ranked], key=lambda one: (one[0], -one[1]))
        state.top = ranked[: self.count]
        kept = {update for _, update in state.top}
        if self.world.is_main:
            if state.update in kept:
                save_state(self._file(state.update), dict(weights))
            for file in self.folder.glob("*.pt"):
                if file.stem.isdecimal() and int(file.stem) not in kept:
                    file.unlink()

    def forget(self, state: TrainState) -> None:
        """Remove all, as WERs on another dev set cannot be compared."""
        state.top = []

    def mean(self, state: TrainState) -> tuple[dict[str, Tensor], list[int]] | None:
        """The mean of the saved weights, and their updates; None where there are fewer than two."""
        self.world.gather(None)  # the main process has written them by now
        files = [(update, self._file(update)) for _, update in state.top]
        files = [(update, file) for update, file in files if file.is_file()]
        if len(files) < 2:
            return None
        total: dict[str, Tensor] = {}
        for _, file in files:
            for name, value in load_state(file).items():
                added = value.double() if value.is_floating_point() else value
                total[name] = total[name] + added if name in total else added
        mean = {
            name: (value / len(files)).float() if value.is_floating_point() else value // len(files)
            for name, value in total.items()
        }
        if any(not torch.isfinite(v).all() for v in mean.values() if v.is_floating_point()):
            raise ModelError(f"weights in {self.folder} are not finite", "remove that folder")
        return mean, sorted(update for update, _ in files)

    def _file(self, update: int) -> Path:
        return self.folder / f"{update}.pt"
