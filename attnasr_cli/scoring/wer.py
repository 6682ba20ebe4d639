"""Pair by id → normalise both → align → ``Score``. No torch.

>>> score_pairs({"a": "the cat sat"}, {"a": "the cat sad"}).wer
0.3333333333333333
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.counts import Counts
from attnasr_cli.text import normalize


@dataclass(frozen=True)
class Score:
    """Word and character counts of a set of utterances, and the rates derived from them."""

    words: Counts
    characters: Counts
    normalizer: str
    utterances: int
    wrong: int = field(default=0)  # utterances with at least one error

    @property
    def wer(self) -> float:
        return self.words.error_rate

    @property
    def cer(self) -> float:
        return self.characters.error_rate


def score_pairs(
    references: Mapping[str, str], hypotheses: Mapping[str, str], normalizer: str = "lower"
) -> Score:
    """Score hypotheses against references of the same ids."""
    import jiwer

    if references.keys() != hypotheses.keys():
        raise DataError("references and hypotheses have different ids")
    how = normalize.get(normalizer)
    refs = [how(references[key]) for key in references]
    hyps = [how(hypotheses[key]) for key in references]
    words = jiwer.process_words(refs, hyps)
    chars = jiwer.process_characters(refs, hyps)
    wrong = sum(ref != hyp for ref, hyp in zip(refs, hyps, strict=True))
    return Score(
        Counts(words.hits, words.substitutions, words.deletions, words.insertions),
        Counts(chars.hits, chars.substitutions, chars.deletions, chars.insertions),
        normalizer,
        len(refs),
        wrong,
    )
