"""Compares the hypotheses of a search by a neural language model, which sees a text as a whole
(Mikolov et al. 2010, doi:10.21437/Interspeech.2010-343). Its log probabilities are added to the
scores of the search, in which those of an n-gram model may be already: the two know different
things.
"""

from __future__ import annotations

from collections.abc import Sequence

from attnasr_cli.lm.neural.rescore import Rescorer

HYPOTHESES = 24
"""of an utterance that are compared, the best of the search"""


class SecondPass:
    """A neural language model and its weight beside the score of the search."""

    hypotheses = HYPOTHESES

    def __init__(self, neural: Rescorer, weight: float) -> None:
        self.neural, self.weight = neural, weight

    def gains(self, texts: Sequence[str]) -> list[float]:
        """What is added to the score of each text; the same text has the same."""
        distinct = list(dict.fromkeys(texts))
        found = dict(zip(distinct, self.neural.log_probs(distinct), strict=True))
        return [self.weight * found[text] for text in texts]
