"""Decoding options of Moonshine models.

Nothing heavy is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.families.options import option
from attnasr_cli.families.phrases.read import PHRASES_HELP, REJECT_HELP


@dataclass(frozen=True)
class MoonshineOptions:
    """The default is greedy search, as in the published models."""

    language: str | None = option(None, "Code or English name; only the one that the model writes.")
    beam: int | None = option(None, "Hypotheses kept; 1 is greedy.")
    length_penalty: float | None = option(
        None, "((5 + n) / 6) ** penalty; the mean over tokens by default."
    )
    nbest: int = option(1, "Alternatives listed in json.")
    word_timestamps: bool = option(False, "Times and probabilities of words.")
    phrases: str | tuple[str, ...] | None = option(None, PHRASES_HELP, kind=str)
    reject: float | None = option(None, REJECT_HELP)
