"""One self-contained HTML file: data, script and style inside ``page.html``."""

from __future__ import annotations

import json
import os
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attnasr_cli.scoring.hypotheses import Recordings
from attnasr_cli.scoring.summary import (
    Evaluation,
    comparison,
    confusions,
    label,
    longest_runs,
    summary,
    worst_first,
)
from attnasr_cli.scoring.wer import ALIGNMENTS, Score
from attnasr_cli.version import __version__


def to_html(evaluation: Evaluation, output: Path | None) -> str:
    """The page; recordings that lie beside the references can be played from it."""
    finder = Recordings(evaluation.reference.path)
    page_folder = output.parent if output else Path()
    data = {
        "version": __version__,
        "reference": [evaluation.reference.path, evaluation.reference.what],
        "hypothesis": [evaluation.hypothesis.path, evaluation.hypothesis.what],
        "against": [evaluation.against.path, evaluation.against.what]
        if evaluation.against
        else None,
        "paired": evaluation.paired,
        "scores": [_score(score, evaluation, finder, page_folder) for score in evaluation.scores],
        "comparisons": [comparison(pair, evaluation.top) for pair in evaluation.comparisons],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # the data must not contain anything that ends the script element
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    page = files("attnasr_cli.scoring.report").joinpath("page.html").read_text(encoding="utf-8")
    title = f"{evaluation.hypothesis.path}: {label(evaluation.scores[0])}"
    return page.replace("{{title}}", escape(title)).replace("{{data}}", text)


def _score(score: Score, evaluation: Evaluation, finder: Recordings, page: Path) -> dict[str, Any]:
    found = confusions(score, max(evaluation.top, 1))
    return {
        **summary(score, evaluation),
        "label": label(score),
        "longest_runs": longest_runs(score, evaluation.top),
        "how": ALIGNMENTS[score.alignment],
        "by": {
            column: [
                [value, part.utterances, *_four(part), part.words.reference, part.wer]
                for value, part in score.by(column).items()
            ]
            for column in evaluation.by
        },
        "confusions": [
            [[list(pair), count] for pair, count in found.substituted],
            [list(item) for item in found.inserted],
            [list(item) for item in found.deleted],
            [[list(pair), count] for pair, count in found.compounds],
        ],
        "rows": [
            [
                *(row.id, row.reference, row.hypothesis, row.ops),
                _link(finder.find(row.id, row.columns), page),
                int(row.missing),
                [[one.reference, one.hypothesis] for one in row.compounds],
            ]
            for row in worst_first(score, evaluation)
        ],
    }


def _four(score: Score) -> list[int]:
    words = score.words
    return [words.correct, words.substituted, words.deleted, words.inserted]


def _link(recording: Path | None, page: Path) -> str:
    """The address of a recording as seen from the page."""
    if recording is None:
        return ""
    return quote(Path(os.path.relpath(recording, page)).as_posix())
