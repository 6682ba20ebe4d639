"""``attnasr train`` for a recipe with a ``[neural_lm]`` table: trains a neural language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import (
    NEURAL_LM_FILE,
    find_neural_lm,
    read_header,
    write_header,
)
from attnasr_cli.training.neural_lm.config import NeuralLmConfig
from attnasr_cli.training.neural_lm.fit import NeuralLmReport, train_neural_lm
from attnasr_cli.training.of_text.config import config_of


def train_recipe(
    table: Mapping[str, Any], recipe: Path, out: Path, texts: Sequence[Path], dev: Sequence[Path]
) -> NeuralLmReport:
    """Train ``neural_lm.safetensors`` in the folder ``out``; if that is a model folder, the model
    uses it with the weight that its ``[decoding]`` says.

    ``table``: the recipe, read from ``recipe``, to which its paths are relative. ``texts`` replace
    those of the recipe, one count each, and ``dev`` the text that is held out. Raises UsageError
    for a recipe that is wrong, DataError for a text that cannot be read.
    """
    config = config_of(NeuralLmConfig, "neural_lm", table, recipe, texts, dev)
    out.mkdir(parents=True, exist_ok=True)
    report = train_neural_lm(config, out / NEURAL_LM_FILE, note=console.note)
    if (out / "model.toml").is_file():
        write_header(out, replace(read_header(out), neural_lm=find_neural_lm(out)))
    return report
