"""Recipes that train on text alone: one table, with texts and a text that is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from attnasr_cli.checkpoint.tables import from_table
from attnasr_cli.errors import UsageError


class TextConfig(Protocol):
    """What such tables have in common; a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def texts(self) -> tuple[tuple[str, int], ...]: ...

    @property
    def held_out(self) -> str: ...


AnyConfig = TypeVar("AnyConfig", bound=TextConfig)


def config_of(
    kind: type[AnyConfig],
    name: str,
    table: Mapping[str, Any],
    recipe: Path,
    texts: Sequence[Path],
    dev: Sequence[Path] = (),
) -> AnyConfig:
    """The table ``name`` of a recipe, read from ``recipe``, to which its paths are relative.

    ``texts`` replace those of the recipe, one count each, and ``dev`` the text that is held out.
    Raises UsageError for a recipe that is wrong.
    """
    extra = sorted(set(table) - {name})
    if extra:
        raise UsageError(
            f"{recipe}: unknown key {extra[0]!r}", f"a recipe with [{name}] has only that"
        )
    settings = table[name]
    if not isinstance(settings, Mapping):
        raise UsageError(f"{recipe}: {name} is {settings!r}, not a table", f"write it as [{name}]")
    if len(dev) > 1:
        raise UsageError(f"--dev twice for [{name}]", "give one text")
    if texts:
        settings = {**settings, "texts": [[str(path), 1] for path in texts]}
    config = from_table(kind, settings, f"{recipe}: {name}", UsageError)
    if not texts:
        beside = tuple((str(recipe.parent / path), times) for path, times in config.texts)
        config = replace(config, texts=beside)
    if dev:
        config = replace(config, held_out=str(dev[0]))
    elif config.held_out:
        config = replace(config, held_out=str(recipe.parent / config.held_out))
    return config
