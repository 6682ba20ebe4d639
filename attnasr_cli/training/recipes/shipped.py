"""The recipes that come with the package."""

from __future__ import annotations

import difflib
from pathlib import Path

from attnasr_cli.errors import UsageError


def folder() -> Path | None:
    """The folder of the recipes: inside an installed package, beside it in a checkout, or None."""
    package = Path(__file__).parents[2]
    if (package / "recipes").is_dir():
        return package / "recipes"
    beside = package.parent / "recipes"
    if beside.is_dir() and (package.parent / "pyproject.toml").is_file():
        return beside
    return None


def recipes() -> dict[str, Path]:
    """name → file, by name"""
    root = folder()
    if root is None:
        return {}
    files = sorted(root.rglob("*.toml"))
    return {str(file.relative_to(root).with_suffix("")): file for file in files}


def described() -> list[tuple[str, str]]:
    """Names, and what the first comment of each recipe says about it."""
    found = []
    for name, file in recipes().items():
        first = file.read_text(encoding="utf-8").split("\n", 1)[0]
        found.append((name, first.lstrip("# ").strip()))
    return found


def find_recipe(recipe: Path) -> Path:
    """A file, or a shipped recipe of that name. Raises UsageError with the nearest names."""
    if recipe.is_file():
        return recipe
    known = recipes()
    if str(recipe) in known:
        return known[str(recipe)]
    near = difflib.get_close_matches(str(recipe), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "attnasr train --list shows those that ship"
    raise UsageError(f"no recipe {recipe}", hint)
