"""A handful of tones with texts: a tone a letter, which a small net learns in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from attnasr_cli.app import main

PITCH_HZ = {"a": 300, "b": 600, "c": 1200, "d": 2400}


def say(text: str, seed: int = 0) -> np.ndarray:
    """0.2 s of a tone for each letter, 0.1 s of quiet for a space, some noise."""
    draw = np.random.default_rng(seed)
    time = np.arange(3200) / 16_000
    parts = [
        0.3 * np.sin(2 * np.pi * PITCH_HZ[c] * time) if c in PITCH_HZ else np.zeros(1600)
        for c in text
    ]
    samples = np.concatenate([np.zeros(800), *parts, np.zeros(800)])
    return (samples + 0.01 * draw.standard_normal(len(samples))).astype(np.float32)


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.tsv and dev.tsv of tone recordings."""
    folder = tmp_path_factory.mktemp("tones")
    draw = np.random.default_rng(1)
    for name, count in (("train", 40), ("dev", 6)):
        rows = ["id\tpath\ttext"]
        for i in range(count):
            text = "".join(draw.choice(list("abcd"), size=draw.integers(2, 5)))
            file = folder / f"{name}{i}.wav"
            soundfile.write(file, say(text, i), 16_000)
            rows.append(f"{name}{i}\t{file.name}\t{text}")
        (folder / f"{name}.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe of a tiny conformer on characters."""
    path = tmp_path / "recipe.toml"
    path.write_text(
        """
name = "tones"
net = "conformer"
[config]
width = 32
heads = 2
layers = 2
hidden = 64
kernel = 3
channels = 8
decoder_layers = 1
dropout = 0.0
[text]
kind = "char"
[data]
min_s = 0.1
speeds = [1.0]
[augment]
frequency_masks = 0
time_masks_per_s = 0.0
[loss]
ctc = 0.5
[batch]
seconds = 12.0
short_first = 0
[optim]
updates = 12
rate = 3e-3
warmup = 10
average = 0.9
[run]
evaluate = 6
"""
    )
    return path


@pytest.fixture
def train(recipe: Path, tones: Path, tmp_path: Path) -> Callable[..., int]:
    """``train("key=value", …, out=…, data=…, options=[…])`` → exit code."""

    def run(
        *changes: str, out: str = "out", data: Path | None = None, options: tuple[str, ...] = ()
    ) -> int:
        sets = [part for change in changes for part in ("--set", change)]
        return main(
            ["train", str(recipe), "-o", str(tmp_path / out), "--train",
             str(data or tones / "train.tsv"), "--dev", str(tones / "dev.tsv"), "--device", "cpu",
             "--dtype", "float32", "--workers", "1", *options, *sets]
        )  # fmt: skip

    return run


def command(recipe: Path, out: Path, tones: Path, *more: str) -> list[str]:
    return [
        "train", str(recipe), "-o", str(out), "--train", str(tones / "train.tsv"),
        "--dev", str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32", *more,
    ]  # fmt: skip
