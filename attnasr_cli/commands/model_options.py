"""Options of ``attnasr transcribe`` as NAME=VALUE, for other commands that transcribe."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from attnasr_cli.errors import UsageError

BOOLEANS = {"true": True, "yes": True, "on": True, "1": True,
            "false": False, "no": False, "off": False, "0": False}  # fmt: skip


def parse(given: Sequence[str]) -> dict[str, Any]:
    """``["vad=false", "beam=4"]`` → keyword arguments of ``recognizer.load``. Raises UsageError."""
    from attnasr_cli.recognize.reading import Reading
    from attnasr_cli.transcribe.options import OPTIONS

    names = {"device", "dtype", *Reading.__dataclass_fields__}
    known = {o.name: o.kind for o in OPTIONS if o.decoder or o.name in names}
    found: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if not equals:
            raise UsageError(f"--option {one!r} is not NAME=VALUE", "as in --option vad=false")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "attnasr transcribe --help lists them"
            raise UsageError(f"--option {one!r}: no option {name!r}", hint)
        found[name] = _value(known[name], text.strip(), one)
    return found


def _value(kind: type, text: str, one: str) -> Any:
    try:
        return BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        wanted = "true or false" if kind is bool else f"a value of type {kind.__name__}"
        raise UsageError(f"--option {one!r}: {text!r} is none", f"give {wanted}") from None
