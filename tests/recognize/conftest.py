"""A tiny model, recordings, and a decoder that needs none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from torch import Tensor

from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize.recognizer import Recognizer, load

CPU = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Recognizer:
    return load(tiny_model, **CPU, beam=2, word_timestamps=True)


@pytest.fixture(scope="module")
def recordings(
    tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]
) -> list[Path]:
    folder = tmp_path_factory.mktemp("speech")
    return [speech_file(folder / f"{i}.flac", 0.8 + 0.4 * i, i) for i in range(4)]


class Echo:
    """A decoder that says how long each segment is, and may fail."""

    max_segment_s = 20.0
    min_cost_s = 0.0

    def __init__(self, fail: Callable[[Sequence[Tensor]], None] | None = None) -> None:
        self.fail = fail
        self.batches: list[int] = []

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        self.batches.append(len(segments))
        time.sleep(0.002)
        if self.fail:
            self.fail(segments)
        return [
            Decoded([Piece(0.0, s.shape[0] / 16_000, f"{s.shape[0]}", [], -0.5)], -0.5)
            for s in segments
        ]
