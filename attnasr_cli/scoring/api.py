"""``attnasr_cli.score``: texts or files of texts → ``Score``, for programs. No torch.

>>> score({"a": "the cat sat"}, {"a": "the cat sad"}).wer
0.3333333333333333
>>> score("the cat sat", "the cat sad").words.substituted
1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from attnasr_cli.errors import DataError
from attnasr_cli.scoring import normalizers, pairing, wer
from attnasr_cli.scoring.read.load import load
from attnasr_cli.scoring.types import HYP, REF, Pair, Texts, Utterance, Want
from attnasr_cli.scoring.units import WORD
from attnasr_cli.scoring.wer import Score
from attnasr_cli.text.normalize import Normalizer, composed

Side: TypeAlias = "Mapping[str, str] | Sequence[str] | PathLike[str]"


def score(
    references: Side,
    hypotheses: Side,
    normalizer: str | Callable[[str], str] = "lower",
    *,
    alignment: str = wer.LEVENSHTEIN,
    unit: str = WORD,
    compounds: bool = False,
    allow_missing: bool = False,
) -> Score:
    """Error rates of hypotheses against references.

    Each side is texts by id, a sequence of texts, one text, or the ``Path`` of a file or folder of
    any kind that ``attnasr score`` reads; sequences are paired by their order, all else by id.
    normalizer: a name that ``attnasr score --normalizer`` knows, or a function of a text.
    alignment: "levenshtein" (jiwer's counts) or "nist" (sclite's). unit: "word" or "char".
    compounds: "tv set" for "tvset" is no error, but counted apart. allow_missing: references
    without a hypothesis count as deleted.

    Raises DataError where files or ids are wrong, UsageError for a name that is not known.
    """
    refs, hyps = _texts(references, REF), _texts(hypotheses, HYP)
    if "sequence" in (refs.kind, hyps.kind) and (
        refs.kind != hyps.kind or len(refs.utterances) != len(hyps.utterances)
    ):
        raise DataError(
            f"{len(refs.utterances)} references and {len(hyps.utterances)} hypotheses in order",
            "two sequences of one length, or texts by id on both sides",
        )
    if isinstance(references, PathLike) or isinstance(hypotheses, PathLike):
        pairs = pairing.pair(refs, hyps, allow_missing).pairs
    else:
        pairs = _by_id(refs, hyps, allow_missing)
    return wer.score_pairs(
        pairs, _normalizer(normalizer), alignment=alignment, unit=unit, compounds=compounds
    )


def _texts(side: Side, which: str) -> Texts:
    name = {REF: "the references", HYP: "the hypotheses"}[which]
    if isinstance(side, PathLike):
        return load(Path(side), Want(which))
    if isinstance(side, Mapping):
        return Texts(name, "mapping", [Utterance(key, text) for key, text in side.items()])
    texts = [side] if isinstance(side, str) else list(side)
    return Texts(name, "sequence", [Utterance(str(k), text) for k, text in enumerate(texts)])


def _by_id(refs: Texts, hyps: Texts, allow_missing: bool) -> list[Pair]:
    """Pairs of texts by id as it stands, as these are no files whose names could differ."""
    found = {composed(one.id): one.text for one in hyps.utterances}
    names = {composed(one.id) for one in refs.utterances}
    missing = [one.id for one in refs.utterances if composed(one.id) not in found]
    extra = [one.id for one in hyps.utterances if composed(one.id) not in names]
    if extra or (missing and not allow_missing):
        raise DataError(
            f"{len(missing)} hypotheses are missing and {len(extra)} have no reference:"
            f" {pairing.listed([*missing, *extra])}",
            "references and hypotheses must have the same ids",
        )
    return [
        Pair(one.id, one.text, found.get(key, ""), missing=key not in found)
        for one in refs.utterances
        for key in [composed(one.id)]
    ]


def _normalizer(given: str | Callable[[str], str]) -> Normalizer:
    if isinstance(given, str):
        return normalizers.find(given)
    if isinstance(given, Normalizer):
        return given
    name = getattr(given, "__name__", type(given).__name__)
    return Normalizer(name, given, f"the function {name}")
