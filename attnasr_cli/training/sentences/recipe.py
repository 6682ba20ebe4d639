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
from attnasr_cli.checkpoint.tables import from_table
from attnasr_cli.errors import UsageError
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
    extra = sorted(set(table) - {"sentences"})
    if extra:
        raise UsageError(
            f"{recipe}: unknown key {extra[0]!r}", "a recipe with [sentences] has only that"
        )
    settings = table["sentences"]
    if not isinstance(settings, Mapping):
        raise UsageError(
            f"{recipe}: sentences is {settings!r}, not a table", "write it as [sentences]"
        )
    if len(dev) > 1:
        raise UsageError("--dev twice for a sentence net", "give one text")
    if texts:
        settings = {**settings, "texts": [[str(path), 1] for path in texts]}
    config = from_table(SentencesConfig, settings, f"{recipe}: sentences", UsageError)
    if not texts:
        beside = tuple((str(recipe.parent / name), times) for name, times in config.texts)
        config = replace(config, texts=beside)
    if dev:
        config = replace(config, held_out=str(dev[0]))
    elif config.held_out:
        config = replace(config, held_out=str(recipe.parent / config.held_out))
    if config.init:
        config = replace(config, init=str(recipe.parent / config.init))
    out.mkdir(parents=True, exist_ok=True)
    report = train_sentences(config, out / SENTENCES_FILE, note=console.note)
    if (out / "model.toml").is_file():
        write_header(out, replace(read_header(out), sentences=find_sentences(out)))
    return report
