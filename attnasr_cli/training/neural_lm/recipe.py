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
from attnasr_cli.checkpoint.tables import from_table
from attnasr_cli.errors import UsageError
from attnasr_cli.training.neural_lm.config import NeuralLmConfig
from attnasr_cli.training.neural_lm.fit import NeuralLmReport, train_neural_lm


def train_recipe(
    table: Mapping[str, Any], recipe: Path, out: Path, texts: Sequence[Path], dev: Sequence[Path]
) -> NeuralLmReport:
    """Train ``neural_lm.safetensors`` in the folder ``out``; if that is a model folder, the model
    uses it with the weight that its ``[decoding]`` says.

    ``table``: the recipe, read from ``recipe``, to which its paths are relative. ``texts`` replace
    those of the recipe, one count each, and ``dev`` the text that is held out. Raises UsageError
    for a recipe that is wrong, DataError for a text that cannot be read.
    """
    extra = sorted(set(table) - {"neural_lm"})
    if extra:
        raise UsageError(
            f"{recipe}: unknown key {extra[0]!r}", "a recipe with [neural_lm] has only that"
        )
    settings = table["neural_lm"]
    if not isinstance(settings, Mapping):
        raise UsageError(
            f"{recipe}: neural_lm is {settings!r}, not a table", "write it as [neural_lm]"
        )
    if len(dev) > 1:
        raise UsageError("--dev twice for a language model", "give one text")
    if texts:
        settings = {**settings, "texts": [[str(path), 1] for path in texts]}
    config = from_table(NeuralLmConfig, settings, f"{recipe}: neural_lm", UsageError)
    if not texts:
        beside = tuple((str(recipe.parent / name), times) for name, times in config.texts)
        config = replace(config, texts=beside)
    if dev:
        config = replace(config, held_out=str(dev[0]))
    elif config.held_out:
        config = replace(config, held_out=str(recipe.parent / config.held_out))
    out.mkdir(parents=True, exist_ok=True)
    report = train_neural_lm(config, out / NEURAL_LM_FILE, note=console.note)
    if (out / "model.toml").is_file():
        write_header(out, replace(read_header(out), neural_lm=find_neural_lm(out)))
    return report
