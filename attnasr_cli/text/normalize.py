"""Named normalisers: what is done to a text before its words are compared.

A word error rate means nothing without the name of its normaliser, so nothing here is silent:
``get(name)`` gives a ``Normalizer`` that carries the name it is printed with.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from attnasr_cli.errors import UsageError


@dataclass(frozen=True)
class Normalizer:
    """A text function with the name that every result prints."""

    name: str
    function: Callable[[str], str]
    what: str  # one sentence for help and reports
    marks: bool = False  # its output may hold alternatives { a / b }: a GLM file's does

    def __call__(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        return " ".join(unicodedata.normalize("NFC", self.function(text)).split())


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
    "basic": (_basic, "OpenAI's basic normaliser: lower case, no punctuation or symbols"),
    "whisper": (_whisper, "OpenAI's English normaliser: as basic, and numbers, spellings, fillers"),
}


def get(name: str) -> Normalizer:
    """The normaliser called ``name``."""
    if name not in NAMED:
        raise UsageError(f"no normalizer {name!r}", f"one of: {', '.join(NAMED)}")
    make, what = NAMED[name]
    return Normalizer(name, make(), what)
