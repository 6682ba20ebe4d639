"""Praat's TextGrid, long or short, as one text with the times of its words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.columns import OPTION, folded
from attnasr_cli.scoring.read.subtitles import stem
from attnasr_cli.scoring.types import Texts, TimedWord, Utterance, Want
from attnasr_cli.text.normalize import composed

# Praat reads free-standing strings and numbers; all else is for people: xmin =, intervals [1]: …
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?!\S)')
_TEXTS = ("segments", "utterances", "sentences", "transcript", "transcription", "text", "phrases")
_WORDS = ("words", "word")
_SILENCE = ("", "sil", "sp", "<sil>", "<eps>", "<p:>")  # what aligners write into pauses


@dataclass(frozen=True, slots=True)
class _Tier:
    name: str
    intervals: list[tuple[float, float, str]]  # begin and end in seconds, text

    def called(self, names: tuple[str, ...]) -> bool:
        """Whether its name is one of these, alone or behind that of a speaker: Ann - words."""
        return folded(self.name.rsplit(" - ", 1)[-1]) in names


def is_textgrid(text: str) -> bool:
    """Whether a text begins as a TextGrid does."""
    head = text[:300]
    return "ooTextFile" in head and '"TextGrid"' in head


def read_textgrid(name: str, text: str, want: Want) -> Texts:
    """The intervals of the tier with the text (want.column, else known by its name).

    Tiers of several speakers are one text in the order of time. Raises DataError for what is no
    TextGrid, and where two tiers could be meant.
    """
    tiers = _tiers(name, text)
    chosen = _choose(name, tiers, want)
    words = [tier for tier in tiers if tier.called(_WORDS)]
    spans = sorted(span for tier in chosen for span in tier.intervals)
    spoken = " ".join(" ".join(said for _, _, said in spans if said not in _SILENCE).split())
    out = Texts(name, "textgrid", [Utterance(stem(name), spoken)], column=chosen[0].name)
    timed = [
        TimedWord(begin, end - begin, word, 0)
        for begin, end, said in sorted(span for tier in words for span in tier.intervals)
        if said not in _SILENCE
        for word in said.split()
    ]
    if timed:
        out.channels[composed(stem(name)), "1"] = timed
    return out


def _choose(name: str, tiers: list[_Tier], want: Want) -> list[_Tier]:
    there = ", ".join(tier.name for tier in tiers)
    if want.column is not None:
        found = [tier for tier in tiers if folded(tier.name) == folded(want.column)]
        if not found:
            raise DataError(f"{name}: no tier {want.column!r}", f"there are: {there}")
        return found
    for names in (_TEXTS, _WORDS):
        if found := [tier for tier in tiers if tier.called(names)]:
            return found
    if len(tiers) != 1:
        raise DataError(
            f"{name}: the text may be in the tiers {there}" if tiers else f"{name}: no tier",
            f"say which with {OPTION[want.side]}",
        )
    return tiers


def _tiers(name: str, text: str) -> list[_Tier]:
    """All interval tiers."""
    tokens = [
        match[1].replace('""', '"') if match[2] is None else float(match[2])
        for match in _TOKEN.finditer(text)
    ]
    try:
        if tokens[1] != "TextGrid":
            raise ValueError("its class is not TextGrid")
        items = iter(tokens[4:])  # behind both classes, begin and end
        found = []
        for _ in range(_count(next(items))):
            kind, title = str(next(items)), str(next(items))
            next(items), next(items)  # begin and end of the tier
            size = _count(next(items))
            if kind == "IntervalTier":
                spans = [(next(items), next(items), next(items)) for _ in range(size)]
                intervals = [(float(a), float(b), str(said).strip()) for a, b, said in spans]
                found.append(_Tier(title, intervals))
            else:
                for _ in range(2 * size):  # points: time and mark
                    next(items)
    except (IndexError, ValueError, StopIteration, RuntimeError) as problem:
        reason = str(problem) or "it ends too early"
        raise DataError(f"{name}: not a TextGrid: {reason}", "save it anew from Praat") from None
    return found


def _count(token: str | float) -> int:
    if isinstance(token, str):
        raise ValueError(f"{token[:40]!r} where a number is due")
    return int(token)
