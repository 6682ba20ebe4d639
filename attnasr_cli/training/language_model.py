"""``attnasr train`` for a recipe with an ``[lm]`` table: text becomes a language model file."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import LM_FILE, find_lm, read_header, write_header
from attnasr_cli.errors import UsageError
from attnasr_cli.lm.train import LmConfig, LmReport, train_ngram


def is_lm_recipe(path: Path) -> bool:
    """Whether a recipe is one for a language model; what cannot be read is not."""
    try:
        return "lm" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def train_lm(recipe: Path, out: Path, texts: list[Path]) -> LmReport:
    """Make ``lm.safetensors`` in the folder ``out``; where a model stands there, it gets it.

    ``texts`` replace those of the recipe, one count each. Raises UsageError for a recipe that is
    wrong, DataError for a text that cannot be read.
    """
    table = tomllib.loads(recipe.read_text(encoding="utf-8"))
    extra = sorted(set(table) - {"lm"})
    if extra:
        raise UsageError(f"{recipe}: unknown key {extra[0]!r}", "a recipe with [lm] has only that")
    settings = dict(table["lm"])
    named = settings.pop("texts", [])
    if not (
        isinstance(named, list)
        and all(isinstance(t, list) and len(t) == 2 and isinstance(t[1], int) for t in named)
    ):
        raise UsageError(f"{recipe}: lm.texts is not a list of [file, times]", "see recipes/")
    pairs = [(str(t), 1) for t in texts] or [(str(recipe.parent / t[0]), t[1]) for t in named]
    held_out = settings.get("held_out")
    if held_out:
        settings["held_out"] = str(recipe.parent / str(held_out))
    known = {f.name for f in fields(LmConfig)}
    for key in settings:
        if key not in known:
            raise UsageError(f"{recipe}: unknown key lm.{key}", f"known: {', '.join(known)}")
    try:
        config = LmConfig(texts=tuple(pairs), **settings)
    except TypeError as problem:
        raise UsageError(f"{recipe} [lm]: {problem}", "see recipes/ for an example") from None
    out.mkdir(parents=True, exist_ok=True)
    report = train_ngram(config, out / LM_FILE, note=console.note)
    if (out / "model.toml").is_file():
        write_header(out, replace(read_header(out), lm=find_lm(out)))
    return report
