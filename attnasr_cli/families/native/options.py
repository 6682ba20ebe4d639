"""What a user may choose for the nets that are trained here.

Nothing is imported here, so that the command line can list the options without torch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NativeOptions:
    """What a user may choose; what is left out comes from the model's ``[decoding]``."""

    beam: int | None = None
    """hypotheses kept for a segment; 1 is greedy"""
    ctc_weight: float | None = None
    """share of the CTC head in the score"""
    lm_weight: float | None = None
    """weight of the model's language model"""
    length_penalty: float | None = None
    """((5 + n) / 6) ** penalty"""
    patience: float = 1.0
    """stop after beam · patience finished hypotheses"""
    nbest: int = 1
    """alternatives listed in json"""
    word_timestamps: bool = False
    """times and probabilities of words"""
