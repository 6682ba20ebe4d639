"""Records the utterances of the dev set with the most errors at every evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attnasr_cli.files import write_text
from attnasr_cli.scoring.types import Row
from attnasr_cli.scoring.wer import Score
from attnasr_cli.training.formats.utterance import Utterance

COUNT = 20  # of each evaluation
HEADER = "update\twer\terrors\tid\treference\thypothesis\tpath\n"


def write_worst(path: Path, score: Score, update: int, utterances: Sequence[Utterance]) -> None:
    """Add the utterances with the most errors to a TSV; those of an update that is there already
    are replaced."""
    wrong = sorted((r for r in score.rows if r.words.errors), key=_rank)[:COUNT]
    places = {u.id: str(u.path) for u in utterances}
    lines = [_line(row, update, places.get(row.id, "")) for row in wrong]
    before = path.read_text(encoding="utf-8") if path.is_file() else HEADER
    kept = [line for line in before.splitlines(keepends=True) if not line.startswith(f"{update}\t")]
    write_text(path, "".join([*kept, *lines]))


def _rank(row: Row) -> tuple[int, float, str]:
    return -row.words.errors, -row.words.error_rate, row.id


def _line(row: Row, update: int, path: str) -> str:
    words = row.words
    rate = f"{words.error_rate:.2f}" if words.reference else ""
    fields = (str(update), rate, str(words.errors), row.id, row.reference, row.hypothesis, path)
    return "\t".join(" ".join(field.split()) for field in fields) + "\n"
