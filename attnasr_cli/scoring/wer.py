"""Pairs → normalised texts → alignments → ``Score``: counts first, rates from them. No torch."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from attnasr_cli.errors import UsageError
from attnasr_cli.scoring import compounds as compound_words
from attnasr_cli.scoring import levenshtein, runs
from attnasr_cli.scoring.nist import alignment as sclite
from attnasr_cli.scoring.nist import network, notation
from attnasr_cli.scoring.runs import Run
from attnasr_cli.scoring.types import Compound, Counts, Pair, Row
from attnasr_cli.scoring.units import CHAR, UNITS, WORD, split
from attnasr_cli.text.normalize import Normalizer, composed

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
    compounds: bool = False  # whether compound words were merged

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
        """Utterances without a hypothesis."""
        return sum(row.missing for row in self.rows)

    @cached_property
    def merged(self) -> int:
        """Compound words that the hypotheses spelled differently; counted as correct."""
        return sum(len(row.compounds) for row in self.rows)

    @cached_property
    def deletion_runs(self) -> list[Run]:
        """Where words in a row are lost, the longest run first."""
        return runs.deleted(self.rows)

    @cached_property
    def insertion_runs(self) -> list[Run]:
        """Where words in a row are invented, the longest run first."""
        return runs.inserted(self.rows)

    def where(self, rows: Iterable[Row]) -> Score:
        """The score of some of the rows."""
        return Score(list(rows), self.normalizer, self.alignment, self.unit, self.compounds)

    def by(self, column: str) -> dict[str, Score]:
        """One score per value of a column, sorted by value."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(composed(row.columns.get(column, "")), []).append(row)
        return {value: self.where(groups[value]) for value in sorted(groups)}


def score_pairs(
    pairs: Sequence[Pair],
    normalizer: Normalizer,
    *,
    alignment: str = LEVENSHTEIN,
    unit: str = WORD,
    compounds: bool = False,
) -> Score:
    """Normalise both sides of every pair, align, and count.

    alignment, unit: of ``ALIGNMENTS`` and ``UNITS``. compounds: "tv set" for "tvset" is no error,
    and is counted apart. Raises UsageError for an unknown alignment or unit, DataError for
    unbalanced braces in a marked text.
    """
    check(alignment, unit)
    refs: list[str] = []
    hyps: list[str] = []
    chosen: dict[int, network.Aligned] = {}
    for index, pair in enumerate(pairs):
        best = _choose(pair, normalizer, alignment, unit)
        if best is None:
            refs.append(" ".join(split(normalizer(pair.reference), unit)))
            hyps.append(" ".join(split(normalizer.hypothesis(pair.hypothesis), unit)))
        else:
            refs.append(" ".join(best.reference))
            hyps.append(" ".join(best.hypothesis))
            chosen[index] = best
    with _no_collection():
        ops = _align(refs, hyps, chosen, alignment)
        found: dict[int, tuple[Compound, ...]] = {}
        if compounds and unit == WORD:
            found = _merge(refs, hyps, ops)
            _align_again(pairs, normalizer, alignment, sorted(found), refs, hyps, chosen, ops)
        if unit == CHAR:
            characters = [Counts.of(columns) for columns in ops]
        else:
            characters = levenshtein.characters(refs, hyps)
    rows = [
        Row(
            pair.id,
            refs[index],
            hyps[index],
            ops[index],
            characters[index],
            pair.columns,
            pair.missing,
            chosen[index].slots if index in chosen else None,
            found.get(index, ()),
        )
        for index, pair in enumerate(pairs)
    ]
    return Score(rows, normalizer.name, alignment, unit, compounds)


def _align(
    refs: Sequence[str], hyps: Sequence[str], chosen: Mapping[int, network.Aligned], alignment: str
) -> list[str]:
    """The columns of every pair; in nist, those of marked pairs are known already."""
    if alignment == LEVENSHTEIN:
        return levenshtein.align(refs, hyps)
    ops = sclite.align([text.split() for text in refs], [text.split() for text in hyps])
    for index, found in chosen.items():
        ops[index] = found.ops
    return ops


def _merge(
    refs: Sequence[str], hyps: list[str], ops: Sequence[str]
) -> dict[int, tuple[Compound, ...]]:
    """Give compounds in the hypotheses the references' spelling; returns those found, by index."""
    merged: dict[int, tuple[Compound, ...]] = {}
    for index, columns in enumerate(ops):
        if not columns.strip("CO"):
            continue
        words = hyps[index].split()
        found = compound_words.find(refs[index].split(), words, columns)
        if found:
            merged[index] = tuple(found)
            hyps[index] = " ".join(compound_words.rewritten(words, found))
    return merged


def _align_again(
    pairs: Sequence[Pair],
    normalizer: Normalizer,
    alignment: str,
    changed: Sequence[int],
    refs: list[str],
    hyps: list[str],
    chosen: dict[int, network.Aligned],
    ops: list[str],
) -> None:
    """Align again the pairs whose hypothesis has changed; marked texts get a new best reading."""
    for index in changed:
        if index in chosen:
            best = _choose(pairs[index], normalizer, alignment, WORD, hyps[index].split())
            if best is not None:
                chosen[index], refs[index] = best, " ".join(best.reference)
    again = {place: chosen[index] for place, index in enumerate(changed) if index in chosen}
    new = _align([refs[k] for k in changed], [hyps[k] for k in changed], again, alignment)
    for index, columns in zip(changed, new, strict=True):
        ops[index] = columns


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause garbage collection: alignments are many small objects without cycles; twice as fast."""
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
    pair: Pair,
    normalizer: Normalizer,
    alignment: str,
    unit: str,
    said: Sequence[str] | None = None,
) -> network.Aligned | None:
    """The best readings of a pair with choices; None where both texts are plain.

    said: the words of the hypothesis, where they are known already.
    """
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
    heard = notation.parse(hyp, units, pair.where) if said is None else notation.plain(list(said))
    chosen = network.align(notation.parse(ref, units, pair.where), heard, costs)
    if alignment == NIST:
        return chosen
    # jiwer counts the reading that was chosen; optional words that were not said are not in it
    kept = [op != "O" for op in chosen.ops if op != "I"]
    words = [word for word, keep in zip(chosen.reference, kept, strict=True) if keep]
    slots = tuple(slot for slot, keep in zip(chosen.slots, kept, strict=True) if keep)
    return network.Aligned(words, chosen.hypothesis, "", slots)
