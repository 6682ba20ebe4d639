"""Named normalisers, which are applied to texts before their words are compared.

A word error rate means nothing without the name of its normaliser, so nothing here is silent:
``get(name)`` gives a ``Normalizer`` that carries the name it is printed with. Every one begins and
ends with Unicode composition (NFC): é is é however it is coded.
"""

from __future__ import annotations

import importlib
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.errors import UsageError

GROUP = "attnasr.normalizers"  # the entry-point group of installed packages


@dataclass(frozen=True)
class Normalizer:
    """A text function with the name that every result prints."""

    name: str
    function: Callable[[str], str]
    what: str  # one sentence for help and reports
    of_hypothesis: Callable[[str], str] | None = None  # where the two sides differ
    marks: bool = False  # its output may hold alternatives { a / b }: a GLM file's does

    def __call__(self, text: str) -> str:
        return _apply(self.function, text)

    def hypothesis(self, text: str) -> str:
        return _apply(self.of_hypothesis or self.function, text)


def composed(text: str) -> str:
    """A text in Unicode's composed form: é is é, whether it had one code point or (a Mac's) two."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _apply(function: Callable[[str], str], text: str) -> str:
    return " ".join(composed(function(composed(text))).split())


def _none() -> Callable[[str], str]:
    return str


def _lower() -> Callable[[str], str]:
    return str.lower


def _basic() -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer()  # type: ignore[no-any-return]


def _whisper() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()  # type: ignore[no-any-return]


NAMED: dict[str, tuple[Callable[[], Callable[[str], str]], str]] = {
    "none": (_none, "the words as they stand"),
    "lower": (_lower, "lower case"),
    "basic": (_basic, "OpenAI's basic normaliser: lower case, no punctuation, no (brackets)"),
    "whisper": (
        _whisper,
        "OpenAI's English normaliser: as basic, and numbers, contractions, British spellings,"
        " no fillers",
    ),
}


def get(name: str) -> Normalizer:
    """A normaliser by name: one of ``NAMED``, module:function, or an entry point."""
    if name in NAMED:
        make, what = NAMED[name]
        return Normalizer(name, make(), what)
    if ":" in name:
        module, _, attribute = name.partition(":")
        return Normalizer(name, _function(name, module, attribute), f"the function {name}")
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    if name in found.names:
        entry = found[name]
        return Normalizer(name, entry.load(), f"the function {entry.value}")
    import difflib

    near = difflib.get_close_matches(name, [*NAMED, *found.names], n=1)
    raise UsageError(
        f"no normalizer {name!r}",
        (f"did you mean {near[0]!r}? " if near else "")
        + f"one of {', '.join([*NAMED, *found.names])}, a .glm file or module:function",
    )


def english(text: str) -> str:
    """As OpenAI's English normaliser has it: numbers in digits, contractions written out."""
    return get("whisper")(text)


def _function(name: str, module: str, attribute: str) -> Callable[[str], str]:
    """The user's own function, from a module that can be imported or from a .py file."""
    folder = str(Path(module).parent) if module.endswith(".py") else str(Path.cwd())
    module = Path(module).stem if module.endswith(".py") else module
    sys.path.insert(0, folder)
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as problem:
        raise UsageError(
            f"normalizer {name!r}: {problem}", "give module:function, both importable from here"
        ) from None
    finally:
        sys.path.remove(folder)
    if not callable(function):
        raise UsageError(f"normalizer {name!r} is not a function", "it is called with a text")
    made: Callable[[str], str] = function
    try:
        answer = made("a test")
    except Exception as problem:
        raise UsageError(
            f"normalizer {name!r} fails on 'a test': {problem}", "it is called with a text"
        ) from problem
    if not isinstance(answer, str):
        raise UsageError(
            f"normalizer {name!r} gives {type(answer).__name__}", "it must return a text"
        )
    return made
