"""Options of a family's decoder by name, as the command line and Python give them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attnasr_cli.errors import UsageError

if TYPE_CHECKING:
    from attnasr_cli.families.base import Family


def options_of(family: Family, given: Mapping[str, Any], model: str) -> Any:
    """The family's ``Options``. Raises UsageError for one that the ``model`` cannot honour."""
    known = [field.name for field in dataclasses.fields(family.Options)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            listed = ", ".join(_flag(k) for k in known)
            hint = f"did you mean {_flag(near[0])}?" if near else f"it takes {listed}"
            raise UsageError(f"model {model} cannot use {_flag(name)}", hint)
    return family.Options(**given)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
