"""``attnasr train`` for a recipe with a ``[sentences]`` table: trains a net for case and
punctuation on text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import (
    SENTENCES_FILE,
    find_sentences,
    read_header,
    write_header,
)
from attnasr_cli.training.of_text.config import config_of
from attnasr_cli.training.sentences.config import SentencesConfig
from attnasr_cli.training.sentences.fit import SentencesReport, train_sentences


def train_recipe(
    table: Mapping[str, Any], recipe: Path, out: Path, texts: Sequence[Path], dev: Sequence[Path]
) -> SentencesReport:
    """Train ``sentences.safetensors`` in the folder ``out``; if that is a model folder, the model
    uses it.

    ``table``: the recipe, read from ``recipe``, to which its paths are relative. ``texts`` replace
    those of the recipe, one count each, and ``dev`` the text that is held out. Raises UsageError
    for a recipe that is wrong, DataError for a text that cannot be read.
    """
    config = config_of(SentencesConfig, "sentences", table, recipe, texts, dev)
    if config.init:
        config = replace(config, init=str(recipe.parent / config.init))
    out.mkdir(parents=True, exist_ok=True)
    report = train_sentences(config, out / SENTENCES_FILE, note=console.note)
    if (out / "model.toml").is_file():
        write_header(out, replace(read_header(out), sentences=find_sentences(out)))
    return report
