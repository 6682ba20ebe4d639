"""Compares two systems on the same references: whether they differ significantly, and in which
utterances."""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.errors import DataError
from attnasr_cli.scoring import bootstrap
from attnasr_cli.scoring.bootstrap import Difference
from attnasr_cli.scoring.nist import mapsswe
from attnasr_cli.scoring.nist.mapsswe import Mapsswe
from attnasr_cli.scoring.types import Row
from attnasr_cli.scoring.wer import Score


@dataclass(frozen=True, slots=True)
class Comparison:
    """The second system against the first."""

    first: Score
    second: Score
    difference: Difference  # second minus first: below 0, the second makes fewer errors
    mapsswe: Mapsswe
    changed: list[tuple[Row, Row]]  # rows whose number of errors differs, most first

    @property
    def better(self) -> int:
        """Utterances in which the second system makes fewer errors."""
        return sum(b.words.errors < a.words.errors for a, b in self.changed)

    @property
    def worse(self) -> int:
        return len(self.changed) - self.better


def compare(
    first: Score, second: Score, samples: int = bootstrap.SAMPLES, seed: int = bootstrap.SEED
) -> Comparison:
    """Compare two scores of the same utterances, in the same way."""
    if [row.id for row in first.rows] != [row.id for row in second.rows]:
        raise DataError("the two systems were not scored on the same utterances", "pair them anew")
    pairs = list(zip(first.rows, second.rows, strict=True))
    counts = [(a.words, b.words) for a, b in pairs]
    difference = bootstrap.difference(
        [a.errors for a, _ in counts],
        [b.errors for _, b in counts],
        [a.reference for a, _ in counts],
        [b.reference for _, b in counts],
        samples,
        seed,
    )
    gaps = [
        (abs(a.errors - b.errors), index)
        for index, (a, b) in enumerate(counts)
        if a.errors != b.errors
    ]
    changed = [pairs[index] for _, index in sorted(gaps, key=lambda gap: (-gap[0], gap[1]))]
    return Comparison(first, second, difference, mapsswe.compare(pairs), changed)
