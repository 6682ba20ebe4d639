"""Chooses one phrase of a list for every segment, with its probability, or rejects all.

Every family searches in its own tokens; this module has what they share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.families.phrases.read import Phrase
from attnasr_cli.families.words import spaced

if TYPE_CHECKING:
    from attnasr_cli.search.beam import Hypothesis
    from attnasr_cli.search.phrases import PhraseScorer

DIGITS = 4
"""decimal places of a probability in JSON"""


@dataclass(frozen=True)
class Choice:
    """The choice for one segment."""

    phrase: str
    hypothesis: Hypothesis
    probabilities: dict[str, float]
    """of all phrases, the most probable first"""
    rejected: bool

    @property
    def text(self) -> str:
        return "" if self.rejected else self.phrase

    @property
    def extra(self) -> dict[str, Any]:
        """For JSON."""
        shown = {text: round(p, DIGITS) for text, p in self.probabilities.items()}
        best = round(self.probabilities[self.phrase], DIGITS)
        return {"probability": best, "phrases": shown} | (
            {"rejected": True} if self.rejected else {}
        )


class PhraseList:
    """Phrases in the tokens of a model."""

    def __init__(
        self,
        phrases: Sequence[Phrase],
        reject: float | None,
        encode: Callable[[str], Iterable[Sequence[int]]],
        eos: int,
        vocab: int,
        longest: int | None,
    ) -> None:
        """encode: a spelling → all token sequences for it; longest: most tokens that the net can
        write, with the end token. Raises UsageError for a phrase that it cannot write."""
        from attnasr_cli.search.phrases import PhraseScorer, PhraseTrie

        self.phrases, self.reject = phrases, reject
        self.places: dict[tuple[int, ...], int] = {}
        """token sequence → which phrase"""
        for i, phrase in enumerate(phrases):
            for spelling in phrase.spellings:
                for n, tokens in enumerate(encode(spelling)):
                    if longest is not None and len(tokens) >= longest:
                        raise UsageError(
                            f"the phrase {spelling!r} has {len(tokens)} tokens",
                            f"the model writes at most {longest - 1} at once",
                        )
                    other = self.places.setdefault(tuple(tokens), i)
                    if other != i and n == 0:  # further forms go to whoever has them first
                        raise UsageError(
                            f"the phrases {phrases[other].text!r} and {phrase.text!r} are the same "
                            "to this model",
                            "leave one out, or write it behind the other one, after a tab",
                        )
        trie = PhraseTrie(list(self.places), eos)
        self.scorer: PhraseScorer = PhraseScorer(trie, vocab)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the text depends on, for JSON."""
        listed = [list(phrase.spellings) for phrase in self.phrases]
        return {"phrases": listed, "reject": self.reject}

    def choose(self, found: Sequence[Hypothesis], free: Sequence[Hypothesis]) -> Choice:
        """found: the phrases with their scores; free: the hypotheses of a search without the
        list."""
        totals = [-math.inf] * len(self.phrases)
        best: dict[int, Hypothesis] = {}
        for hypothesis in found:
            i = self.places[tuple(hypothesis.tokens)]
            totals[i] = _add(totals[i], hypothesis.score)
            if i not in best or hypothesis.score > best[i].score:
                best[i] = hypothesis
        winner = max(best, key=lambda i: totals[i])
        fit = self._fit(best[winner], free)
        every = [total - max(totals) for total in totals]
        whole = sum(math.exp(total) for total in every)
        shares = [fit * math.exp(total) / whole for total in every]
        order = sorted(range(len(shares)), key=lambda i: -shares[i])
        probabilities = {self.phrases[i].text: shares[i] for i in order}
        rejected = self.reject is not None and shares[winner] < self.reject
        return Choice(self.phrases[winner].text, best[winner], probabilities, rejected)

    def _fit(self, phrase: Hypothesis, free: Sequence[Hypothesis]) -> float:
        """How well the best phrase explains what was heard, 0 to 1: what a token of it has on
        average less than one of the text that the model would have written."""
        if not free or tuple(free[0].tokens) in self.places:
            return 1.0
        loss = _mean(free[0]) - _mean(phrase)
        return math.exp(-max(loss, 0.0))


def chosen(decoded: Decoded, choice: Choice, duration_s: float) -> Decoded:
    """The result of a segment, with the phrase as the user wrote it."""
    pieces, text = decoded.pieces, choice.text
    start, end = (pieces[0].start, pieces[-1].end) if pieces else (0.0, duration_s)
    words = [word for piece in pieces for word in piece.words]
    parts = text.split()
    if len(words) == len(parts):
        words = [replace(w, word=spaced(part)) for w, part in zip(words, parts, strict=True)]
    average = choice.hypothesis.log_prob / (len(choice.hypothesis.tokens) + 1)
    piece = Piece(
        start, end, spaced(text), choice.hypothesis.tokens, average, words if text else []
    )
    return replace(decoded, pieces=[piece], extra=decoded.extra | choice.extra)


def _mean(hypothesis: Hypothesis) -> float:
    return hypothesis.score / (len(hypothesis.tokens) + 1)  # the end token counts too


def _add(a: float, b: float) -> float:
    """log(exp a + exp b)"""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
