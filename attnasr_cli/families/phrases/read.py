"""Reads a list of phrases, and gives the forms in which models may write them.

Nothing heavy is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.errors import DataError, UsageError

Phrases = str | os.PathLike[str] | Sequence[str] | None
"""a file, or the phrases themselves"""
PHRASES_HELP = (
    "File of phrases, one a line, other spellings after tabs; each segment becomes one of them."
)
REJECT_HELP = "With --phrases: write nothing where the probability is lower."


@dataclass(frozen=True)
class Phrase:
    """One phrase of the list."""

    text: str
    """as it is written in the transcript"""
    spellings: tuple[str, ...]
    """all ways to spell it, ``text`` the first"""


def read_phrases(given: Phrases, reject: float | None) -> tuple[Phrase, ...]:
    """The phrases of a file, or of a list; none where there is neither. Raises UsageError and
    DataError."""
    if given is None:
        if reject is not None:
            raise UsageError("--reject without --phrases", "add --phrases FILE")
        return ()
    if reject is not None and not 0 <= reject <= 1:
        raise UsageError(f"--reject {reject:g}", "it is a probability, 0 to 1")
    if isinstance(given, str | os.PathLike):
        where = str(given)
        if not Path(given).is_file():
            raise DataError(f"no file of phrases {where}", "a text file with a phrase on each line")
        from attnasr_cli.data import read_text

        lines = read_text(Path(given)).split("\n")
    else:
        where, lines = "the list of phrases", list(given)
    found: dict[str, Phrase] = {}
    for line in lines:
        spellings = [" ".join(part.split()) for part in line.split("\t")]
        spellings = list(dict.fromkeys(one for one in spellings if one))
        if spellings and not spellings[0].startswith("#"):
            found.setdefault(spellings[0], Phrase(spellings[0], tuple(spellings)))
    if not found:
        raise DataError(f"no phrases in {where}", "write one on each line")
    return tuple(found.values())


def written_forms(text: str, language: str | None) -> list[str]:
    """How a model with case, punctuation and digits may write a phrase."""
    from attnasr_cli.families.words import is_spaceless

    texts = [text]
    if language == "en":
        from attnasr_cli.text import normalize

        texts.append(normalize.english(text))
    found: list[str] = []
    for one in texts:
        for form in (one, one[:1].upper() + one[1:]):
            found += [form, form + "."] if form[-1:].isalnum() else [form]
    forms = dict.fromkeys(form for form in found if form)
    return [form if is_spaceless(form[0]) else " " + form for form in forms]
