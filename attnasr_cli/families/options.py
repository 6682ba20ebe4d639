"""Options are declared once, as fields of the dataclass that uses them; the command line,
configuration files, the environment and Python take name, type, default and help from there."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attnasr_cli.errors import UsageError

if TYPE_CHECKING:
    from attnasr_cli.families.base import Family


def option(
    default: Any,
    help: str,
    kind: type | None = None,
    *,
    short: str = "",
    metavar: str | None = None,
    config: bool = True,
    switch: bool = False,
) -> Any:
    """A dataclass field with the help text that ``--help`` shows.

    kind: type on the command line, where the annotation allows several; ``list`` for a repeatable
    option. short: short flag, such as ``-m``. config: whether it may be set in ``attnasr.toml`` and
    the environment. switch: for a bool, whether there is no ``--no-…`` form.
    """
    metadata = {
        "help": help,
        "kind": kind,
        "short": short,
        "metavar": metavar,
        "config": config,
        "switch": switch,
    }
    return dataclasses.field(default=default, metadata=metadata)


def kind_of(cls: type, field: dataclasses.Field[Any]) -> type:
    """str, int, float, bool or list: what a field takes beside None."""
    kind: type | None = field.metadata.get("kind")
    if kind is not None:
        return kind
    hint = typing.get_type_hints(cls)[field.name]
    kinds = [k for k in typing.get_args(hint) if isinstance(k, type) and k is not type(None)]
    return kinds[0] if kinds else hint


def flag(name: str) -> str:
    """``max_segment`` → ``--max-segment``."""
    return "--" + name.replace("_", "-")


def options_of(family: Family, given: Mapping[str, Any], model: str) -> Any:
    """The family's ``Options``. Raises UsageError for one that the ``model`` cannot honour."""
    known = [field.name for field in dataclasses.fields(family.Options)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            listed = ", ".join(flag(k) for k in known)
            hint = f"did you mean {flag(near[0])}?" if near else f"it takes {listed}"
            raise UsageError(f"model {model} cannot use {flag(name)}", hint)
    return family.Options(**given)
