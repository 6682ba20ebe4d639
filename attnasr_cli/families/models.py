"""Finds models by name or path, downloads published ones, and loads them."""

from __future__ import annotations

import os
from pathlib import Path

from attnasr_cli.checkpoint import registry
from attnasr_cli.checkpoint.folder import Model, load_model, read_header
from attnasr_cli.errors import UsageError
from attnasr_cli.families.foreign import refusal
from attnasr_cli.families.registry import (
    families,
    family_of_checkpoint,
    family_of_style,
    published,
)


def find(name: str | os.PathLike[str]) -> Path:
    """The folder (or file) of a model; a published one is downloaded when it is first asked for.

    Raises ModelError with the nearest names.
    """
    return registry.find(name, published())


def load(name: str | os.PathLike[str], **extra: Path) -> Model:
    """Load a model by name or path, on the CPU, in float32 and evaluation mode.

    ``extra``: files that a foreign checkpoint may need, such as ``tokenizer``. Raises ModelError
    with the next step, UsageError for a file that the model cannot use.
    """
    return load_as(name, None, **extra)


def load_as(name: str | os.PathLike[str], shown: str | None, **extra: Path) -> Model:
    """As ``load``; ``shown`` is the name to give to a foreign checkpoint."""
    path = find(name)
    if (path / "model.toml").is_file():
        family = family_of_style(read_header(path).features.style)
        _refuse_extra(path, extra, ())
        return load_model(path, family.read_tokenizer)
    found = family_of_checkpoint(path)
    if found is None:
        raise refusal(path, [family.name for family in families()])
    _refuse_extra(path, extra, found.extra_files)
    return found.load(path, shown or display_name(name, path), **extra)


def display_name(name: str | os.PathLike[str], path: Path) -> str:
    """The name of a model in messages and results: the one it was asked for by, or that of its
    folder.

    The folder of a downloaded model is named after its revision, which would mean nothing to the
    user.
    """
    text = os.fspath(name)
    if Path(text).exists():
        return path.stem if path.is_file() else path.resolve().name
    return text


def _refuse_extra(path: Path, extra: dict[str, Path], known: tuple[str, ...]) -> None:
    for option in extra:
        if option not in known:
            flag = "--" + option.replace("_", "-")
            raise UsageError(f"model {path} cannot use {flag}", "leave it out")
