"""``attnasr train`` for a recipe with an ``[lm]`` table: trains a language model on text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import LM_FILE, find_lm, read_header, write_header
from attnasr_cli.lm.train import MEGABYTE, LmConfig, LmReport, train_ngram
from attnasr_cli.training.of_text.config import config_of


def train_lm(table: Mapping[str, Any], recipe: Path, out: Path, texts: Sequence[Path]) -> LmReport:
    """Train ``lm.safetensors`` in the folder ``out``; if that is a model folder, the model uses it.

    ``table``: the recipe, read from ``recipe``, to which its paths are relative. ``texts`` replace
    those of the recipe, one count each. Raises UsageError for a recipe that is wrong, DataError for
    a text that cannot be read.
    """
    config = config_of(LmConfig, "lm", table, recipe, texts)
    out.mkdir(parents=True, exist_ok=True)
    report = train_ngram(config, out / LM_FILE, note=console.note)
    if 0 < config.max_mb * MEGABYTE < report.bytes:
        console.warn(
            f"the language model takes {report.bytes / MEGABYTE:.1f} MB, more than max_mb = "
            f"{config.max_mb:g}: its words alone need that; lower vocabulary or raise min_count"
        )
    if (out / "model.toml").is_file():
        write_header(out, replace(read_header(out), lm=find_lm(out)))
    return report
