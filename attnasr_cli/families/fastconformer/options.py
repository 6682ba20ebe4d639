"""Decoding options of Canary and Cohere Transcribe.

Nothing heavy is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.families.options import option
from attnasr_cli.families.phrases.read import PHRASES_HELP, REJECT_HELP


@dataclass(frozen=True)
class CohereOptions:
    """The default is greedy search, as in the published models."""

    language: str | None = option(None, "Code or English name of what is spoken; en by default.")
    no_punctuation: bool = option(False, "Words alone: no punctuation, no capitals.")
    prompt: str | None = option(None, "Text before the recording; sets style and spelling.")
    beam: int | None = option(None, "Hypotheses kept; 1 is greedy.")
    length_penalty: float | None = option(
        None, "((5 + n) / 6) ** penalty; the mean over tokens by default."
    )
    nbest: int = option(1, "Alternatives listed in json.")
    word_timestamps: bool = option(
        False, "Times of words; on by default for the formats that show them."
    )
    phrases: str | tuple[str, ...] | None = option(None, PHRASES_HELP, kind=str)
    reject: float | None = option(None, REJECT_HELP)


@dataclass(frozen=True)
class CanaryOptions(CohereOptions):
    """Canary translates too."""

    task: str | None = option(None, "transcribe, or translate.")
    target_language: str | None = option(
        None, "Code or English name of what is written by --task translate; en by default."
    )
