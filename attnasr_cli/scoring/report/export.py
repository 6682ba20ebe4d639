"""Results for other programs: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from attnasr_cli.scoring.summary import (
    Evaluation,
    Origin,
    comparison,
    confusions,
    longest_runs,
    numbers,
    summary,
    worst_first,
)
from attnasr_cli.scoring.types import Row
from attnasr_cli.scoring.wer import Score
from attnasr_cli.version import __version__


def to_json(evaluation: Evaluation) -> str:
    """Everything: figures, groups, confusions, every utterance with its alignment."""
    whole = {
        "attnasr": __version__,
        "references": _source(evaluation.reference),
        "hypotheses": _source(evaluation.hypothesis),
        "paired": evaluation.paired,
        "scores": [_score(score, evaluation) for score in evaluation.scores],
    }
    if evaluation.against is not None:
        whole["against"] = _source(evaluation.against)
        whole["comparisons"] = [comparison(pair, evaluation.top) for pair in evaluation.comparisons]
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _source(origin: Origin) -> dict[str, str]:
    found = {"path": origin.path, "kind": origin.kind}
    return found | ({"column": origin.column} if origin.column else {})


def _score(score: Score, evaluation: Evaluation) -> dict[str, Any]:
    found = confusions(score, evaluation.top)
    return {
        **summary(score, evaluation),
        "longest_runs": longest_runs(score, evaluation.top),
        "by": {
            column: {value: summary(part, evaluation) for value, part in score.by(column).items()}
            for column in evaluation.by
        },
        "confusions": {
            "substituted": [
                {"reference": ref, "hypothesis": hyp, "count": count}
                for (ref, hyp), count in found.substituted
            ],
            "inserted": [{"word": word, "count": count} for word, count in found.inserted],
            "deleted": [{"word": word, "count": count} for word, count in found.deleted],
            **(
                {
                    "compounds": [
                        {"reference": ref, "hypothesis": hyp, "count": count}
                        for (ref, hyp), count in found.compounds
                    ]
                }
                if score.compounds
                else {}
            ),
        },
        "utterances_by_error": [_row(row) for row in worst_first(score, evaluation)],
    }


def _row(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": row.id,
        "reference": row.reference,
        "hypothesis": row.hypothesis,
        "ops": row.ops,
        "units": numbers(row.words),
        "error_rate": row.words.error_rate,
        "missing": row.missing,
        "columns": dict(row.columns),
    }
    if row.compounds:
        found["compounds"] = [
            {"reference": one.reference, "hypothesis": one.hypothesis, "at": one.at}
            for one in row.compounds
        ]
    return found


def to_csv(evaluation: Evaluation) -> str:
    """A line per utterance, normaliser and system; sums of the lines are the totals."""
    systems = [(evaluation.hypothesis.path, score) for score in evaluation.scores]
    if evaluation.against is not None:
        systems += [(evaluation.against.path, pair.second) for pair in evaluation.comparisons]
    extra = dict.fromkeys(key for _, score in systems for row in score.rows for key in row.columns)
    own = ["system", "normalizer", "alignment", "unit", "id", "missing", "reference_length"]
    own += ["hypothesis_length", "correct", "substituted", "deleted", "inserted", "errors"]
    own += ["error_rate", "reference", "hypothesis", "alignment_ops"]
    merged = any(score.compounds for _, score in systems)
    own += ["compounds"] if merged else []
    columns = [key for key in extra if key not in own]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*own, *columns])
    for path, score in systems:
        for row in worst_first(score, evaluation):
            counts = row.words
            writer.writerow(
                [
                    *(path, score.normalizer, score.alignment, score.unit),
                    *(row.id, int(row.missing), counts.reference, counts.hypothesis),
                    *(counts.correct, counts.substituted, counts.deleted, counts.inserted),
                    *(counts.errors, f"{counts.error_rate:.6g}"),
                    *(row.reference, row.hypothesis, row.ops),
                    *([len(row.compounds)] if merged else []),
                    *(row.columns.get(key, "") for key in columns),
                ]
            )
    return out.getvalue()
