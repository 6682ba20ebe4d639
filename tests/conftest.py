"""Shared fixtures.

``tiny_model``      folder of a 16-wide Conformer with random weights: its texts are nonsense, but
                    always the same ones (``make_model`` for other nets and settings)
``speech_file``     writes a recording that voice-activity detection takes for speech
``attnasr``         runs a command line in this process: ``attnasr("transcribe", "a.wav")`` gives
                    ``.code``, ``.out`` and ``.err``
Every test has an empty home: no user's configuration, models or ``ATTNASR_*`` variable leaks in.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings

from tests.speech import RATE, babble

# One run says whether the code is right: no time limits, and the same examples on every machine
# (HYPOTHESIS_PROFILE=default looks for others).
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

# Nets of 16 cells gain nothing from threads, and lose much where others use the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SIZES: dict[str, dict[str, Any]] = {
    "conformer": {"heads": 2, "hidden": 24, "kernel": 5, "decoder_layers": 1},
    "transformer": {"heads": 2, "hidden": 24, "decoder_layers": 1},
    "las": {"decoder_width": 12},
}


@pytest.fixture(autouse=True)
def _empty_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if name.startswith("ATTNASR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    for name in ("no_proxy", "NO_PROXY"):  # servers of this machine are reached without one
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """What a test draws without a seed of its own is the same in every run."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def make_model(path: Path, net: str = "conformer", seed: int = 0, **config: Any) -> Path:
    """Write a model folder with a 16-wide net of random weights."""
    import torch

    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import DecodingConfig, save_model
    from attnasr_cli.nets import find_net
    from attnasr_cli.text.chars import CharTokenizer

    tokenizer = CharTokenizer.train(["abcdefghij klmnopqrst uvwxyz"])
    cls = find_net(net)
    torch.manual_seed(seed)
    sizes = {"vocab": tokenizer.vocab_size, "bins": 20, "width": 16, "layers": 2, "channels": 4}
    built = cls(cls.Config(**{**sizes, **SIZES[net], **config}))
    save_model(
        path,
        built.eval(),
        path.name,
        tokenizer,
        FeatureConfig(bins=20),
        DecodingConfig(beams=2),
        languages=("en",),
    )
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def speech_file() -> Callable[..., Path]:
    """``speech_file(path, seconds=2.0, seed=0, rate=16000, channels=1)`` writes and returns it."""

    def write(
        path: Path, seconds: float = 2.0, seed: int = 0, rate: int = RATE, channels: int = 1
    ) -> Path:
        samples = babble(seconds * rate / RATE, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.stack([samples] * channels, 1), rate)
        return path

    return write


@dataclass(frozen=True)
class Ran:
    """What a command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def attnasr(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*args: object) -> Ran:
        from attnasr_cli.app import main

        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
