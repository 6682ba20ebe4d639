"""Pairs the reference and the hypothesis of each utterance, by id or by time."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence

from attnasr_cli.data import AUDIO_ENDINGS
from attnasr_cli.errors import DataError
from attnasr_cli.scoring.nist import by_time
from attnasr_cli.scoring.nist.notation import text_of
from attnasr_cli.scoring.types import Pair, Pairing, Texts, Utterance
from attnasr_cli.text.normalize import composed

_AUDIO = re.compile(f"({'|'.join(map(re.escape, AUDIO_ENDINGS))})$", re.IGNORECASE)
_PARENTHESES = re.compile(r"(?<!\S)\((\S+)\)(?!\S)")


def pair(ref: Texts, hyp: Texts, allow_missing: bool = False) -> Pairing:
    """Pair by time where the reference has times of its own, else by id."""
    if ref.kind == "stm" or (ref.kind == "ctm" and (hyp.channels or hyp.kind == "ctm")):
        if ref.kind == "stm":
            wanted = list(dict.fromkeys((s.file, s.channel) for s in ref.segments))
        else:
            wanted = list(ref.channels)
        _some(wanted, ref)
        words = by_time.match_channels(wanted, ref, hyp)
        used = {id(found) for found in words.values()}
        missing = [f"{file} {channel}" for file, channel in wanted if (file, channel) not in words]
        extra = [f"{k[0]} {k[1]}" for k, found in hyp.channels.items() if id(found) not in used]
        _complain(ref, hyp, missing, extra, allow_missing)
        if ref.kind == "stm":
            pairs = by_time.by_segment(ref, hyp, words)
        else:
            pairs = by_time.by_chunk(ref, words)
        return Pairing(pairs, "by time", len(missing))
    return _by_id(ref, hyp, allow_missing)


def _by_id(ref: Texts, hyp: Texts, allow_missing: bool) -> Pairing:
    refs, hyps = _utterances(ref), _utterances(hyp)
    if ref.empty:
        raise DataError(f"{ref.path}: empty", "--ref-format txt, if nothing is said there")
    if len(refs) == len(hyps) == 1 and (ref.one or hyp.one):
        return Pairing([_pair(ref, hyp, refs[0], hyps[0])], "as one recording")
    _some(refs, ref)
    if hyp.empty:
        hyps = []
    how, key = _view(refs, hyps)
    mine, theirs = _index(ref, refs, key), _index(hyp, hyps, key)
    missing = [name for name in mine if name not in theirs]
    extra = [name for name in theirs if name not in mine]
    _complain(ref, hyp, missing, extra, allow_missing)
    pairs = [_pair(ref, hyp, one, theirs.get(name)) for name, one in mine.items()]
    return Pairing(pairs, f"by {how}", len(missing))


def _some(found: Sequence[object], ref: Texts) -> None:
    if not found:
        raise DataError(f"{ref.path}: no references in it", f"read as {ref.kind}")


def _pair(ref: Texts, hyp: Texts, one: Utterance, other: Utterance | None) -> Pair:
    columns = dict(one.columns)
    columns.setdefault("file", columns.get("path", one.id))
    if one.source:
        columns.setdefault("source", one.source)
    said = other.text if other else ""
    if hyp.marked:
        # sclite lets a system mark its own words as optional; we take them as said
        said = _PARENTHESES.sub(r"\1", said)
    where = f"{one.source or ref.path}:{one.line}: " if one.line else f"{ref.path}: "
    marked = ref.marked or hyp.marked
    return Pair(one.id, one.text, said, columns, marked, other is None, where)


def _utterances(texts: Texts) -> list[Utterance]:
    """The utterances; words with times and no text become one utterance a channel."""
    if texts.kind != "ctm":
        return texts.utterances
    files = [file for file, _ in texts.channels]
    return [
        Utterance(file if files.count(file) == 1 else f"{file}-{channel}", text_of(words))
        for (file, channel), words in texts.channels.items()
    ]


def _path(one: Utterance) -> str:
    return posixpath.normpath(composed(one.columns.get("path") or one.id))


VIEWS: dict[str, Callable[[Utterance], str]] = {
    "id": lambda one: composed(one.id),
    "path": _path,
    "path without its ending": lambda one: _AUDIO.sub("", _path(one)),
    "file name": lambda one: _AUDIO.sub("", posixpath.basename(_path(one))),
}


def _view(refs: list[Utterance], hyps: list[Utterance]) -> tuple[str, Callable[[Utterance], str]]:
    """The strictest way to name utterances in which both sides agree most."""
    best, most = "id", -1
    for name, key in VIEWS.items():
        mine, theirs = [key(one) for one in refs], [key(one) for one in hyps]
        unique = len(set(mine)) == len(mine) and len(set(theirs)) == len(theirs)
        common = len(set(mine) & set(theirs)) if unique or name == "id" else -1
        if common > most:
            best, most = name, common
    return best, VIEWS[best]


def _index(
    texts: Texts, found: list[Utterance], key: Callable[[Utterance], str]
) -> dict[str, Utterance]:
    index: dict[str, Utterance] = {}
    twice: dict[str, list[int]] = {}
    for one in found:
        name = key(one)
        if name in index:
            twice.setdefault(name, [index[name].line]).append(one.line)
        else:
            index[name] = one
    if twice:
        some = [f"{name} (lines {', '.join(map(str, lines))})" for name, lines in twice.items()]
        raise DataError(
            f"{texts.path}: {len(twice)} ids more than once: {listed(some)}",
            "every utterance needs an id of its own",
        )
    return index


def _complain(
    ref: Texts, hyp: Texts, missing: list[str], extra: list[str], allow_missing: bool
) -> None:
    problems = []
    if missing and not allow_missing:
        problems.append(f"{hyp.path} lacks {len(missing)} of the references: {listed(missing)}")
    if extra:
        problems.append(f"{hyp.path} has {len(extra)} not in {ref.path}: {listed(extra)}")
    if not problems:
        return
    hint = (
        "--allow-missing counts what is missing as deleted" if not extra else "the ids must match"
    )
    raise DataError("; ".join(problems), hint)


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message: the first ones, and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"
