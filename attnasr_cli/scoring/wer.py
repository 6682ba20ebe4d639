"""Pairs → normalised texts → alignments → ``Score``: counts first, rates from them. No torch.

>>> score_pairs({"a": "the cat sat"}, {"a": "the cat sad"}).wer
0.3333333333333333
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.scoring import levenshtein, normalizers
from attnasr_cli.scoring.nist import alignment as sclite
from attnasr_cli.scoring.nist import network, notation
from attnasr_cli.scoring.types import Counts, Pair, Row
from attnasr_cli.scoring.units import CHAR, UNITS, WORD, split
from attnasr_cli.text.normalize import Normalizer

LEVENSHTEIN, NIST = "levenshtein", "nist"
ALIGNMENTS = {
    LEVENSHTEIN: "jiwer's: substitution, deletion and insertion cost 1 each",
    NIST: "sclite's: substitution 4, deletion 3, insertion 3",
}


@dataclass(frozen=True)
class Score:
    """Scored utterances; every total is the sum of its rows."""

    rows: Sequence[Row]
    normalizer: str
    alignment: str = LEVENSHTEIN
    unit: str = WORD

    @cached_property
    def words(self) -> Counts:
        return Counts.total(row.words for row in self.rows)

    @cached_property
    def characters(self) -> Counts:
        return Counts.total(row.characters for row in self.rows)

    @property
    def wer(self) -> float:
        return self.words.error_rate

    @property
    def cer(self) -> float:
        return self.characters.error_rate

    @property
    def utterances(self) -> int:
        return len(self.rows)

    @cached_property
    def wrong(self) -> int:
        """Utterances with at least one error."""
        return sum(row.words.errors > 0 for row in self.rows)

    @property
    def sentence_error_rate(self) -> float:
        return self.wrong / len(self.rows) if self.rows else 0.0

    @cached_property
    def silent(self) -> list[Row]:
        """The utterances with an empty reference: whatever is said there is invented."""
        return [row for row in self.rows if not row.words.reference]

    @cached_property
    def invented(self) -> int:
        """Words inserted where the reference is empty."""
        return sum(row.words.inserted for row in self.silent)

    @cached_property
    def missing(self) -> int:
        return sum(row.missing for row in self.rows)

    def where(self, rows: Iterable[Row]) -> Score:
        """The score of some of the rows."""
        return Score(list(rows), self.normalizer, self.alignment, self.unit)

    def by(self, column: str) -> dict[str, Score]:
        """One score per value of a column, sorted by value."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.columns.get(column, ""), []).append(row)
        return {value: self.where(groups[value]) for value in sorted(groups)}


def score_pairs(
    references: Mapping[str, str],
    hypotheses: Mapping[str, str],
    normalizer: str = "lower",
    *,
    alignment: str = LEVENSHTEIN,
    unit: str = WORD,
) -> Score:
    """Score plain texts of the same ids."""
    missing = [key for key in references if key not in hypotheses]
    extra = [key for key in hypotheses if key not in references]
    if missing or extra:
        raise DataError(
            f"{len(missing)} hypotheses are missing and {len(extra)} have no reference:"
            f" {', '.join([*missing, *extra][:5])}",
            "references and hypotheses must have the same ids",
        )
    pairs = [Pair(key, text, hypotheses[key]) for key, text in references.items()]
    return score(pairs, normalizers.find(normalizer), alignment=alignment, unit=unit)


def score(
    pairs: Sequence[Pair],
    normalizer: Normalizer,
    *,
    alignment: str = LEVENSHTEIN,
    unit: str = WORD,
) -> Score:
    """Normalise both sides of every pair, align, and count."""
    check(alignment, unit)
    refs: list[str] = []
    hyps: list[str] = []
    slots: dict[int, network.Aligned] = {}
    for index, pair in enumerate(pairs):
        chosen = _choose(pair, normalizer, alignment, unit)
        if chosen is None:
            refs.append(" ".join(split(normalizer(pair.reference), unit)))
            hyps.append(" ".join(split(normalizer.hypothesis(pair.hypothesis), unit)))
        else:
            refs.append(" ".join(chosen.reference))
            hyps.append(" ".join(chosen.hypothesis))
            slots[index] = chosen
    with _no_collection():
        ops, characters = _align(refs, hyps, slots, alignment, unit)
    rows = [
        Row(
            pair.id,
            refs[index],
            hyps[index],
            ops[index],
            characters[index],
            pair.columns,
            pair.missing,
            slots[index].slots if index in slots else None,
        )
        for index, pair in enumerate(pairs)
    ]
    return Score(rows, normalizer.name, alignment, unit)


def _align(
    refs: list[str], hyps: list[str], chosen: dict[int, network.Aligned], alignment: str, unit: str
) -> tuple[list[str], list[Counts]]:
    """The columns of every pair, and its characters."""
    if alignment == NIST:
        ops = sclite.align([text.split() for text in refs], [text.split() for text in hyps])
        for index, found in chosen.items():
            ops[index] = found.ops
    else:
        ops = levenshtein.align(refs, hyps)
    if unit == CHAR:
        return ops, [Counts.of(columns) for columns in ops]
    return ops, levenshtein.characters(refs, hyps)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the search for cycles: alignments are many small objects and none; twice as fast."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def check(alignment: str, unit: str) -> None:
    """Refuse what is not known, before any work."""
    if alignment not in ALIGNMENTS:
        raise UsageError(f"no alignment {alignment!r}", f"one of: {', '.join(ALIGNMENTS)}")
    if unit not in UNITS:
        raise UsageError(f"no unit {unit!r}", f"one of: {', '.join(UNITS)}")


def _choose(
    pair: Pair, normalizer: Normalizer, alignment: str, unit: str
) -> network.Aligned | None:
    """The best readings of a pair with choices; None where both texts are plain."""
    if not (pair.marked or normalizer.marks):
        return None
    ref, hyp = pair.reference, pair.hypothesis
    if normalizer.marks:
        ref, hyp = normalizer(ref), normalizer.hypothesis(hyp)
    if not (notation.is_marked(ref) or notation.is_marked(hyp)):
        return None

    def units(text: str) -> list[str]:
        return split(text if normalizer.marks else normalizer(text), unit)

    costs = network.NIST if alignment == NIST else network.UNIT
    chosen = network.align(
        notation.parse(ref, units, pair.where), notation.parse(hyp, units, pair.where), costs
    )
    if alignment == NIST:
        return chosen
    # jiwer counts the reading that was chosen; optional words that were not said are not in it
    said = [op != "O" for op in chosen.ops if op != "I"]
    words = [word for word, keep in zip(chosen.reference, said, strict=True) if keep]
    slots = tuple(slot for slot, keep in zip(chosen.slots, said, strict=True) if keep)
    return network.Aligned(words, chosen.hypothesis, "", slots)
