"""Counts first: every rate is derived from integers, and integers add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How the columns of an alignment fall out. Rates follow jiwer's definitions exactly."""

    correct: int = 0
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    skipped: int = 0  # optional words that were not said; sclite counts them as correct

    @classmethod
    def of(cls, ops: str) -> Counts:
        """Count an alignment written as one letter (C, S, D, I, O) per column."""
        skipped = ops.count("O")
        correct = ops.count("C") + skipped
        return cls(correct, ops.count("S"), ops.count("D"), ops.count("I"), skipped)

    def __add__(self, other: Counts) -> Counts:
        return Counts.total((self, other))

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        correct = substituted = deleted = inserted = skipped = 0
        for part in parts:
            correct += part.correct
            substituted += part.substituted
            deleted += part.deleted
            inserted += part.inserted
            skipped += part.skipped
        return cls(correct, substituted, deleted, inserted, skipped)

    @property
    def errors(self) -> int:
        return self.substituted + self.deleted + self.inserted

    @property
    def reference(self) -> int:
        """Length of the reference, in units."""
        return self.correct + self.substituted + self.deleted

    @property
    def hypothesis(self) -> int:
        """Length of the hypothesis, in units."""
        return self.correct + self.substituted + self.inserted - self.skipped

    @property
    def error_rate(self) -> float:
        """Errors per unit of reference; without any reference, the number of insertions."""
        return self.errors / self.reference if self.reference else float(self.inserted)

    @property
    def mer(self) -> float:
        """Match error rate: the share of columns that are errors."""
        columns = self.correct + self.errors
        return self.errors / columns if columns else 0.0

    @property
    def wip(self) -> float:
        """Word information preserved."""
        if not self.reference:
            return 0.0 if self.hypothesis else 1.0
        if not self.hypothesis:
            return 0.0
        return (self.correct / self.reference) * (self.correct / self.hypothesis)

    @property
    def wil(self) -> float:
        """Word information lost."""
        return 1 - self.wip
