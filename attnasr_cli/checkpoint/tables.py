"""Frozen dataclasses to TOML and back: unknown and missing keys are errors that name them."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar

from attnasr_cli.errors import AttnasrError, ModelError

T = TypeVar("T")


def from_table(
    cls: type[T],
    table: Mapping[str, Any],
    where: str,
    error: type[AttnasrError] = ModelError,
    partial: bool = True,
) -> T:
    """Build a dataclass from a TOML table; nested dataclasses from sub-tables.

    Raises ``error`` for a key that is unknown (with the nearest known one), for a missing key
    (without ``partial`` also one that has a default), and for a value of the wrong type.
    """
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in fields(typing.cast(Any, cls)) if f.init}
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise error(f"{where}: unknown key {key!r}", hint)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in table:
            values[name] = _convert(table[name], hints[name], f"{where}.{name}", error, partial)
        elif (field.default is MISSING and field.default_factory is MISSING) or (
            not partial and not _optional(hints[name]) and not is_dataclass(hints[name])
        ):
            raise error(f"{where}: missing key {name!r}", f"add {name} = … to [{where}]")
    try:
        return cls(**values)
    except ValueError as problem:
        raise error(f"{where}: {problem}", "change the value") from None


def _optional(hint: Any) -> bool:
    return type(None) in typing.get_args(hint)


def _convert(value: Any, hint: Any, where: str, error: type[AttnasrError], partial: bool) -> Any:
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise error(f"{where} is {value!r}, not a table", f"write it as [{where}]")
        return from_table(hint, value, where, error, partial)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in args:
            if option is not type(None):
                return _convert(value, option, where, error, partial)
    if origin is tuple and isinstance(value, list | tuple):
        endless = len(args) == 2 and args[1] is Ellipsis
        if not endless and len(value) != len(args):
            raise error(
                f"{where} has {len(value)} values, not {len(args)}", "see the documentation"
            )
        inner = [args[0]] * len(value) if endless else args
        return tuple(
            _convert(item, hint, f"{where}[{i}]", error, partial)
            for i, (item, hint) in enumerate(zip(value, inner, strict=True))
        )
    if origin is dict and isinstance(value, Mapping):
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Any or (
        isinstance(hint, type)
        and isinstance(value, hint)
        and not (isinstance(value, bool) and hint is not bool)
    ):
        return value
    wanted = getattr(hint, "__name__", str(hint))
    raise error(f"{where} is {value!r}, not of type {wanted}", "see the documentation of the key")


def to_table(value: Any) -> dict[str, Any]:
    """A dataclass as nested dictionaries; None is left out."""
    table: dict[str, Any] = {}
    for f in fields(value):
        item = getattr(value, f.name)
        if item is None:
            continue
        table[f.name] = to_table(item) if is_dataclass(item) else item
    return table


def dumps(table: Mapping[str, Any]) -> str:
    """TOML text of plain values, lists and nested tables; what is None is left out."""
    import tomli_w

    return tomli_w.dumps(_plain(table))


def inline(value: Any) -> str:
    """A value as TOML text in one line."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    return dumps({"x": value}).strip().partition(" = ")[2]


def _plain(value: Any) -> Any:
    """The same without None, which TOML does not have."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value if item is not None]
    return value
