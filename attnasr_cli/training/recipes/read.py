"""Reads a recipe: a TOML file, changes by ``--set``, and the defaults of its family."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from attnasr_cli.checkpoint.tables import from_table
from attnasr_cli.errors import UsageError
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.registry import family_of_net


def read_table(path: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """The tables of a recipe with ``key.sub=value`` changes (values in TOML, bare words as text).

    Raises UsageError for what cannot be read or changed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"no recipe {path}", "attnasr train --list shows those that ship"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as problem:
        raise UsageError(f"{path} is not a recipe: {problem}", "a recipe is a TOML file") from None
    for change in changes:
        _apply(table, change)
    return table


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe for a speech model, changed as by ``read_table``."""
    return as_recipe(read_table(path, changes), path)


def as_recipe(table: dict[str, Any], path: Path) -> Recipe:
    """The recipe in these tables, which were read from ``path``; paths in it are relative to its
    folder.

    Raises UsageError for an unknown key or a value of the wrong type or out of range.
    """
    _fill(table)
    recipe = from_table(Recipe, table, str(path), UsageError)
    if recipe.lora and not recipe.init:
        raise UsageError("[lora] without [init]", "adapters change a model that is there: name it")
    if recipe.distort.pauses and not recipe.features.shortest_s:
        raise UsageError(
            "[distort] pauses without [features] shortest_s", "there is no pause to be noisy"
        )
    if recipe.text.lexicon:
        there = replace(recipe.text, lexicon=str(path.parent / recipe.text.lexicon))
        recipe = replace(recipe, text=there)
    if recipe.distort.noise_folder:
        folder = str(path.parent / recipe.distort.noise_folder)
        recipe = replace(recipe, distort=replace(recipe.distort, noise_folder=folder))
    if recipe.init:
        init = recipe.init
        if _is_model(path.parent / init.model):  # else a name, or a path from here
            init = replace(init, model=str(path.parent / init.model))
        if init.tokenizer:
            init = replace(init, tokenizer=str(path.parent / init.tokenizer))
        recipe = replace(recipe, init=init)
    return recipe


def _is_model(path: Path) -> bool:
    """Whether there is a model at a path; a folder of that name may hold something else, such as a
    recipe."""
    return path.is_file() or any((path / f).is_file() for f in ("model.toml", "config.json"))


def _fill(table: dict[str, Any]) -> None:
    """Fill in the defaults of the family where the recipe has no value."""
    for name, values in family_of_net(str(table.get("net"))).recipe_defaults.items():
        inner = table.setdefault(name, {})
        if isinstance(inner, dict):  # what is not is refused with its name right after
            table[name] = {**values, **inner}


def _apply(table: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {change!r} is not key=value", "as in --set optim.updates=2000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = name.strip().split(".")
    for parent in parents:
        inner = table.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {name}: {parent} is not a table", "see the recipe")
        table = inner
    table[last] = value
