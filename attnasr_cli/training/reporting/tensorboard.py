"""The figures of a run for TensorBoard, an extra package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnasr_cli.errors import AttnasrError


class Board:
    """Event files in one folder."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def add(self, kind: str, update: int, values: Mapping[str, Any]) -> None:
        """Numbers as ``kind/name``; what is none is left out."""
        for name, value in values.items():
            if isinstance(value, int | float):
                self._writer.add_scalar(f"{kind}/{name}", value, update)

    def close(self) -> None:
        self._writer.close()


def open_board(folder: Path) -> Board:
    """Raises AttnasrError where the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise AttnasrError(
            "run.tensorboard needs TensorBoard",
            "pip install 'attnasr[tensorboard]', or leave the key out: train/log.jsonl has it all",
        ) from None
    return Board(SummaryWriter(str(folder)))
