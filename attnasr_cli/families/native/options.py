"""Decoding options of the nets that are trained here.

Nothing heavy is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.families.options import option
from attnasr_cli.families.phrases.read import PHRASES_HELP, REJECT_HELP


@dataclass(frozen=True)
class NativeOptions:
    """Decoding options; None takes the value of the model's ``[decoding]``."""

    beam: int | None = option(None, "Hypotheses kept; 1 is greedy.")
    ctc_weight: float | None = option(None, "Share of the CTC head in the score.")
    lm_weight: float | None = option(None, "Weight of the language model.")
    neural_weight: float | None = option(
        None,
        "Weight of the neural language model beside the other, when hypotheses are compared.",
    )
    length_penalty: float | None = option(None, "((5 + n) / 6) ** penalty.")
    patience: float = option(1.0, "Stop after beam · patience hypotheses.")
    nbest: int = option(1, "Alternatives listed in json.")
    word_timestamps: bool = option(
        False, "Times of words; on by default for the formats that show them."
    )
    phrases: str | tuple[str, ...] | None = option(None, PHRASES_HELP, kind=str)
    reject: float | None = option(None, REJECT_HELP)
