"""The content of a report in any format, with numbers as plain dictionaries."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar

from attnasr_cli.scoring import bootstrap, runs
from attnasr_cli.scoring.compare import Comparison
from attnasr_cli.scoring.types import Counts, Row
from attnasr_cli.scoring.units import CHAR
from attnasr_cli.scoring.wer import Score

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of the texts of one side."""

    path: str
    kind: str
    column: str = ""  # of the texts, in tables and JSON

    @property
    def what(self) -> str:
        """Kind and column in words, for people."""
        return self.kind + (f", column {self.column}" if self.column not in ("", "text") else "")


@dataclass(slots=True)
class Evaluation:
    """One call of ``attnasr score``."""

    reference: Origin
    hypothesis: Origin
    paired: str  # by id, by file name, by time, …
    scores: list[Score]  # one per normaliser
    against: Origin | None = None
    comparisons: list[Comparison] = field(default_factory=list)  # one per normaliser
    by: tuple[str, ...] = ()
    only_errors: bool = False
    worst: int = 5  # utterances shown in full in the table
    top: int = 10  # confusions shown
    samples: int = bootstrap.SAMPLES
    seed: int = bootstrap.SEED


def summary(score: Score, evaluation: Evaluation) -> dict[str, Any]:
    """The figures of one score: counts first, then the rates derived from them."""
    words = score.words
    counts = [row.words for row in score.rows]
    found = bootstrap.interval(
        [c.errors for c in counts],
        [c.reference for c in counts],
        evaluation.samples,
        evaluation.seed,
    )
    figures: dict[str, Any] = {
        "normalizer": score.normalizer,
        "alignment": score.alignment,
        "unit": score.unit,
        "utterances": score.utterances,
        "missing": score.missing,
        "units": numbers(words),
        "error_rate": words.error_rate,
        "interval": found
        and {
            "low": found.low,
            "high": found.high,
            "level": bootstrap.LEVEL,
            "samples": found.samples,
            "seed": found.seed,
        },
        "mer": words.mer,
        "wil": words.wil,
        "wip": words.wip,
        "sentences_wrong": score.wrong,
        "sentence_error_rate": score.sentence_error_rate,
        "empty_references": {"utterances": len(score.silent), "inserted": score.invented},
        "characters": numbers(score.characters),
        "cer": score.cer,
    }
    figures["cer" if score.unit == CHAR else "wer"] = words.error_rate
    if score.compounds:
        figures["compounds"] = score.merged
    return figures


def longest_runs(score: Score, top: int) -> dict[str, Any]:
    """Words deleted or inserted in a row: the number of long runs, and where the longest are."""
    found: dict[str, Any] = {"least": runs.LEAST}
    for name, every in (("deleted", score.deletion_runs), ("inserted", score.insertion_runs)):
        long = [run for run in every if run.long]
        found[name] = {
            "runs": len(long),
            "words": sum(len(run.words) for run in long),
            "longest": [
                {"id": run.id, "first": run.first, "words": len(run.words), "text": run.text}
                for run in every[: max(top, 1)]
                if run.notable
            ],
        }
    return found


def numbers(counts: Counts) -> dict[str, int]:
    """Counts with names."""
    found = {
        "reference": counts.reference,
        "hypothesis": counts.hypothesis,
        "correct": counts.correct,
        "substituted": counts.substituted,
        "deleted": counts.deleted,
        "inserted": counts.inserted,
        "errors": counts.errors,
    }
    if counts.skipped:
        found["optional_not_said"] = counts.skipped
    return found


def worst_first(score: Score, evaluation: Evaluation) -> list[Row]:
    """The utterances of a report, worst first: most errors, then the highest rate."""
    rows = [row for row in score.rows if row.words.errors or not evaluation.only_errors]
    keys = {row.id: (-row.words.errors, -row.words.error_rate) for row in rows}
    return sorted(rows, key=lambda row: keys[row.id])


@dataclass(frozen=True, slots=True)
class Confusions:
    """The most frequent errors: words substituted, inserted and deleted, each with its count."""

    substituted: list[tuple[tuple[str, str], int]]
    inserted: list[tuple[str, int]]
    deleted: list[tuple[str, int]]
    compounds: list[tuple[tuple[str, str], int]]  # with --compounds; no errors


def confusions(score: Score, top: int) -> Confusions:
    """The most frequent errors of a score, and the compounds that were none; ``top`` of each."""
    changed: Counter[tuple[str, str]] = Counter()
    added: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    joined: Counter[tuple[str, str]] = Counter()
    for row in score.rows:
        joined.update((one.reference, one.hypothesis) for one in row.compounds)
        if not row.words.errors:
            continue
        for op, ref, hyp in row.aligned():
            if op == "S":
                changed[ref, hyp] += 1
            elif op == "I":
                added[hyp] += 1
            elif op == "D":
                lost[ref] += 1
    return Confusions(_top(changed, top), _top(added, top), _top(lost, top), _top(joined, top))


def _top(counter: Counter[K], top: int) -> list[tuple[K, int]]:
    """The most frequent ones; ties in the order of their words, as in every run."""
    return sorted(counter.items(), key=lambda item: (-item[1], str(item[0])))[:top]


def label(score: Score) -> str:
    """The name of the error rate: WER or CER."""
    return "CER" if score.unit == CHAR else "WER"


def comparison(pair: Comparison, top: int) -> dict[str, Any]:
    """The figures of two systems."""
    delta, test = pair.difference, pair.mapsswe
    return {
        "first": pair.first.words.error_rate,
        "second": pair.second.words.error_rate,
        "difference": delta.delta,
        "interval": delta.interval
        and {
            "low": delta.interval.low,
            "high": delta.interval.high,
            "level": bootstrap.LEVEL,
            "samples": delta.interval.samples,
            "seed": delta.interval.seed,
        },
        "bootstrap_p": delta.p_value,
        "mapsswe": {
            "segments": test.segments,
            "mean": test.mean,
            "std_dev": test.std_dev,
            # JSON knows no infinity: a difference without any spread has no Z
            "z": test.z if math.isfinite(test.z) else None,
            "p": test.p_value,
        },
        "better": pair.better,
        "worse": pair.worse,
        "changed": [
            {
                "id": a.id,
                "errors": [a.words.errors, b.words.errors],
                "reference": a.reference,
                "first": a.hypothesis,
                "second": b.hypothesis,
            }
            for a, b in pair.changed[:top]
        ],
    }
