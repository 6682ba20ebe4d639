"""Compares the hypotheses of a search by a neural language model, which sees a text as a whole
(Mikolov et al. 2010, doi:10.21437/Interspeech.2010-343).

The search has used the n-gram model at every word; here a share of its weight goes to the neural
one: log p = (1 - share) · log p_ngram + share · log p_neural.
"""

from __future__ import annotations

from collections.abc import Sequence

from attnasr_cli.lm.neural.rescore import Rescorer
from attnasr_cli.lm.scorer import NgramScorer

HYPOTHESES = 24
"""of an utterance that are compared, the best of the search: more cost time and change nothing"""


class SecondPass:
    """A neural language model beside the one of the search."""

    hypotheses = HYPOTHESES

    def __init__(self, first: NgramScorer, neural: Rescorer, share: float) -> None:
        self.first, self.neural, self.share = first, neural, share

    def gains(self, texts: Sequence[str]) -> list[float]:
        """What the score of each text rises by, which has the n-gram model's score in it."""
        words = [text.split() for text in texts]
        neural = self.neural.log_probs(texts)
        known = [self.first.log_prob(row) for row in words]
        weight = self.first.weight * self.share
        return [weight * (new - old) for new, old in zip(neural, known, strict=True)]
