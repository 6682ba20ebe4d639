"""One phrase of a list for every segment: which it is, how probable, and whether it is any.

Every family searches among the same phrases in its own tokens; here stands what they share.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.families.words import is_spaceless, spaced

if TYPE_CHECKING:
    from attnasr_cli.search.beam import Hypothesis
    from attnasr_cli.search.phrases import PhraseScorer

Phrases = str | os.PathLike[str] | Sequence[str] | None
"""a file, or the phrases themselves"""
DIGITS = 4
"""of a probability in JSON"""
PHRASES_HELP = (
    "File of phrases, one a line, other spellings of it behind tabs: each stretch of speech is one."
)
REJECT_HELP = "With --phrases: nothing is written below this probability."


@dataclass(frozen=True)
class Phrase:
    """What may be said."""

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


@dataclass(frozen=True)
class Choice:
    """What was chosen for a segment."""

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
        """encode: a spelling → token sequences, all that stand for it; longest: tokens that the
        net can write, with the end. Raises UsageError for a phrase that it cannot."""
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
        """What decides about the text, for JSON."""
        listed = [list(phrase.spellings) for phrase in self.phrases]
        return {"phrases": listed, "reject": self.reject}

    def choose(self, found: Sequence[Hypothesis], free: Sequence[Hypothesis]) -> Choice:
        """found: the phrases with their scores; free: what the model would write without a list."""
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
    """What was heard in a segment, with the phrase as the user wrote it."""
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


def written_forms(text: str, language: str | None) -> list[str]:
    """How a model with case, punctuation and digits may write a phrase."""
    texts = [text]
    if language == "en":
        from attnasr_cli.text import normalize

        texts.append(normalize.get("whisper")(text))
    found: list[str] = []
    for one in texts:
        for form in (one, one[:1].upper() + one[1:]):
            found += [form, form + "."] if form[-1:].isalnum() else [form]
    forms = dict.fromkeys(form for form in found if form)
    return [form if is_spaceless(form[0]) else " " + form for form in forms]


def _mean(hypothesis: Hypothesis) -> float:
    return hypothesis.score / (len(hypothesis.tokens) + 1)  # the end token counts too


def _add(a: float, b: float) -> float:
    """log(exp a + exp b)"""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
