"""Chooses the columns of a table or JSON file that hold the id, the path, and the text of one side.

A manifest completed by a recogniser holds both sides: ``text`` is the reference and ``pred_text``
the hypothesis. Column names tell the sides apart; where they do not, the column must be named.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.types import HYP, REF
from attnasr_cli.text.normalize import composed

ID = ("id", "utt_id", "utterance_id", "utt")
PATH = ("path", "file", "audio", "audio_filepath", "wav")
NEUTRAL = ("text", "sentence", "transcript", "transcription")
OWN = {
    REF: (
        *("reference", "ref", "reference_text", "ref_text", "text_ref", "reference_transcript"),
        *("references", "ground_truth", "groundtruth", "gt", "gold"),
    ),
    HYP: (
        *("hypothesis", "hypotheses", "hyp", "hypothesis_text", "hyp_text", "text_hyp", "asr"),
        *("pred_text", "text_pred", "pred", "prediction", "prediction_text"),
        *("predicted", "predicted_text", "predictions", "asr_text"),
        *("recognized", "recognized_text"),
    ),
}
TEXT = frozenset({*NEUTRAL, *OWN[REF], *OWN[HYP]})
KNOWN = frozenset({*ID, *PATH, *TEXT})
OPTION = {REF: "--ref-column", HYP: "--hyp-column"}


@lru_cache(maxsize=1000)
def folded(name: str) -> str:
    """A column's name as it is compared: ``Pred Text`` is pred_text."""
    return composed(name).strip().lower().replace(" ", "_").replace("-", "_")


def choose(names: Iterable[str], side: str, column: str | None, where: str) -> tuple[str, str]:
    """The column with the texts of a side, and a note where others could be meant, else "".

    The side's own names come first (``pred_text`` of a hypothesis), then ``text`` and its like,
    then those of the other side. Raises DataError if the column asked for is not there, if there
    is none, or if two are equally good.
    """
    names = list(names)
    there = ", ".join(names)[:200]
    if column is not None:
        exact = [name for name in names if name == column]
        found = exact or [name for name in names if folded(name) == folded(column)]
        if not found:
            raise DataError(f"{where}: no column {column!r}", f"there are: {there}")
        return found[0], ""
    other = HYP if side == REF else REF
    ranks = [
        [name for name in names if folded(name) in group]
        for group in (OWN[side], NEUTRAL, OWN[other])
    ]
    best = next((rank for rank in ranks if rank), [])
    if not best:
        raise DataError(f"{where}: no text", f"{OPTION[side]} names its column; there are: {there}")
    if len(best) > 1:
        raise DataError(
            f"{where}: the texts may be in {' or '.join(map(repr, best))}",
            f"say which with {OPTION[side]}",
        )
    texts = [name for rank in ranks for name in rank]
    if len(texts) == 1 and not ranks[2]:
        return best[0], ""
    rest = [repr(name) for name in texts if name != best[0]]
    note = f"the {side} texts are in the column {best[0]!r}"
    return best[0], note + (f", not in {' or '.join(rest)}" if rest else "")
