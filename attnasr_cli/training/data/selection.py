"""Selects the utterances to train on, with a reason for each that is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attnasr_cli import console
from attnasr_cli.errors import DataError
from attnasr_cli.families.recipe.sections import DataConfig
from attnasr_cli.files import write_text
from attnasr_cli.training.data.corpus import Corpus
from attnasr_cli.training.formats.utterance import Utterance

SHOWN = 3  # of each kind


@dataclass(frozen=True)
class LeftOut:
    """The reason why an utterance is left out."""

    kind: str
    """kind of reason, which others may share"""
    why: str
    """detail about this utterance, or empty"""


@dataclass(frozen=True)
class Selection:
    """The selected utterances."""

    fits: np.ndarray
    """(utterances,) bool"""
    left_out: dict[int, LeftOut]
    """the others"""


def select(
    corpus: Corpus, tokens: Sequence[Sequence[int]], data: DataConfig, longest: int | None
) -> Selection:
    """The utterances that can be read, are neither too short nor too long, and have a text of 1 to
    ``longest`` tokens. Raises DataError where none is left."""
    seconds = corpus.seconds()
    left_out: dict[int, LeftOut] = {}
    for i, length in enumerate(seconds.tolist()):
        if (problem := corpus.problems.get(i)) is not None:
            too_long = problem.endswith(" s long")  # known without reading all of it
            kind = f"longer than data.max_s = {data.max_s:g} s" if too_long else "cannot be read"
            left_out[i] = LeftOut(kind, problem)
        elif length < data.min_s:
            kind = f"shorter than data.min_s = {data.min_s:g} s"
            left_out[i] = LeftOut(kind, f"{length:.2f} s")
        elif length > data.max_s:
            kind = f"longer than data.max_s = {data.max_s:g} s"
            left_out[i] = LeftOut(kind, f"{length:.1f} s long")
        elif not tokens[i]:
            left_out[i] = LeftOut("no text that the tokenizer knows", "")
        elif longest is not None and len(tokens[i]) > longest:
            kind = f"a text of more than {longest} tokens, which the net cannot write"
            left_out[i] = LeftOut(kind, f"{len(tokens[i])}")
    fits = np.array([i not in left_out for i in range(len(seconds))], dtype=bool)
    if not fits.any():
        kinds = sorted({one.kind for one in left_out.values()})
        raise DataError(
            f"none of the {len(fits)} training utterances can be used: {'; '.join(kinds)}",
            "change [data] min_s and max_s, or cut the recordings",
        )
    return Selection(fits, left_out)


def report(selection: Selection, utterances: Sequence[Utterance]) -> None:
    """Note what is left out, by kind, naming the first ones of each."""
    for kind in sorted({one.kind for one in selection.left_out.values()}):
        members = [(i, one.why) for i, one in selection.left_out.items() if one.kind == kind]
        named = [
            f"{utterances[i].id} ({why})" if why else utterances[i].id for i, why in members[:SHOWN]
        ]
        more = ", …" if len(members) > SHOWN else ""
        console.warn(
            f"left out {len(members)} of {len(utterances)} utterances, {kind}: "
            f"{', '.join(named)}{more}"
        )


def write_list(path: Path, corpus: Corpus, selection: Selection, dev: Sequence[Utterance]) -> None:
    """The data list of a model: a TSV of all utterances with seconds and why one is not used."""
    rows = ["split\tid\tseconds\tstart\tend\tspeaker\tleft_out\tpath"]
    for i, (u, seconds) in enumerate(zip(corpus.utterances, corpus.seconds(), strict=True)):
        one = selection.left_out.get(i)
        why = "" if one is None else f"{one.kind}: {one.why}" if one.why else one.kind
        rows.append(_row("train", u, f"{seconds:.2f}", why))
    rows += [_row("dev", u, "", "") for u in dev]
    write_text(path, "\n".join(rows) + "\n")


def _row(split: str, u: Utterance, seconds: str, why: str) -> str:
    start, end = ("" if time is None else f"{time:g}" for time in (u.start_s, u.end_s))
    fields = (split, u.id, seconds, start, end, u.speaker, why, u.path)
    return "\t".join(_field(field) for field in fields)


def _field(value: object) -> str:
    return " ".join(str(value).encode("utf-8", "replace").decode().split())
