"""Results for other programs: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from attnasr_cli import __version__
from attnasr_cli.scoring.result import (
    Result,
    Source,
    comparison,
    confusions,
    numbers,
    shown,
    summary,
)
from attnasr_cli.scoring.wer import Row, Score


def to_json(result: Result) -> str:
    """Everything: figures, groups, confusions, every utterance with its alignment."""
    whole = {
        "attnasr": __version__,
        "references": _source(result.reference),
        "hypotheses": _source(result.hypothesis),
        "paired": result.paired,
        "scores": [_score(score, result) for score in result.scores],
    }
    if result.against is not None:
        whole["against"] = _source(result.against)
        whole["comparisons"] = [comparison(pair, result.top) for pair in result.comparisons]
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _source(source: Source) -> dict[str, str]:
    return {"path": source.path, "kind": source.kind}


def _score(score: Score, result: Result) -> dict[str, Any]:
    found = confusions(score, result.top)
    return {
        **summary(score, result),
        "by": {
            column: {value: summary(part, result) for value, part in score.by(column).items()}
            for column in result.by
        },
        "confusions": {
            "substituted": [
                {"reference": ref, "hypothesis": hyp, "count": count}
                for (ref, hyp), count in found.substituted
            ],
            "inserted": [{"word": word, "count": count} for word, count in found.inserted],
            "deleted": [{"word": word, "count": count} for word, count in found.deleted],
        },
        "utterances_by_error": [_row(row) for row in shown(score, result)],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "reference": row.reference,
        "hypothesis": row.hypothesis,
        "ops": row.ops,
        **numbers(row.words),
        "error_rate": row.words.error_rate,
        "missing": row.missing,
        "columns": dict(row.columns),
    }


def to_csv(result: Result) -> str:
    """A line per utterance, normaliser and system; sums of the lines are the totals."""
    systems = [(result.hypothesis.path, score) for score in result.scores]
    if result.against is not None:
        systems += [(result.against.path, pair.second) for pair in result.comparisons]
    extra = dict.fromkeys(key for _, score in systems for row in score.rows for key in row.columns)
    own = ["system", "normalizer", "alignment", "unit", "id", "missing", "reference_length"]
    own += ["hypothesis_length", "correct", "substituted", "deleted", "inserted", "errors"]
    own += ["error_rate", "reference", "hypothesis", "alignment_ops"]
    columns = [key for key in extra if key not in own]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*own, *columns])
    for path, score in systems:
        for row in shown(score, result):
            counts = row.words
            writer.writerow(
                [
                    *(path, score.normalizer, score.alignment, score.unit),
                    *(row.id, int(row.missing), counts.reference, counts.hypothesis),
                    *(counts.correct, counts.substituted, counts.deleted, counts.inserted),
                    *(counts.errors, f"{counts.error_rate:.6g}"),
                    *(row.reference, row.hypothesis, row.ops),
                    *(row.columns.get(key, "") for key in columns),
                ]
            )
    return out.getvalue()
