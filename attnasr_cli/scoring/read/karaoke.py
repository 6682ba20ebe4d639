"""Advanced SubStation Alpha (ass, ssa) and lyrics (lrc) as one text."""

from __future__ import annotations

import re

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.subtitles import stem
from attnasr_cli.scoring.types import Texts, Utterance

_COMMAND = re.compile(r"\{[^}\n]*\}")
_DRAWING = re.compile(r"\{[^}\n]*\\p[1-9]")  # what follows are coordinates
_STAMP = re.compile(r"\[(\d+):(\d{1,2}(?:[.:]\d+)?)\]")
_TAG = re.compile(r"\[[a-zA-Z#]+:[^\]\n]*\]\s*$")  # [ar:artist], [length:03:12], …
_WORD = re.compile(r"<\d+:\d{1,2}(?:[.:]\d+)?>")
_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect")


def is_ass(text: str) -> bool:
    """Whether a text begins as an ass file does."""
    return text[:200].lstrip().lower().startswith("[script info]")


def is_lrc(text: str) -> bool:
    """Whether a text has lyrics' times or tags at the head of its first lines."""
    lines = [line.strip() for line in text[:2000].split("\n") if line.strip()][:10]
    marked = [bool(_STAMP.match(line) or _TAG.match(line)) for line in lines]
    return bool(lines) and marked[0] and any(_STAMP.match(line) for line in lines)


def read_ass(name: str, text: str) -> Texts:
    """The words of all dialogue lines in the order of their times, without drawings.

    Raises DataError, with the line, for a line with too few fields, and if there is no line.
    """
    fields: tuple[str, ...] = (*_FIELDS, "text")
    found: list[tuple[float, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        key, _, rest = line.partition(":")
        if key.strip().lower() == "format":
            fields = tuple(field.strip().lower() for field in rest.split(","))
        elif key.strip().lower() == "dialogue":
            values = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            if "text" not in values or "start" not in values:
                raise DataError(
                    f"{name}:{number}: {len(values)} fields: {line[:60]!r}",
                    f"a line of dialogue has {', '.join(fields)}",
                )
            if not _DRAWING.search(values["text"]):
                found.append((_seconds(values["start"], f"{name}:{number}"), values["text"]))
    if not found and "dialogue" not in text.lower() and not is_ass(text):
        raise DataError(f"{name}: no line of dialogue in it", "Dialogue: 0,0:00:01.00,…")
    shown = (_COMMAND.sub("", spoken) for _, spoken in sorted(found, key=lambda item: item[0]))
    lines = [re.sub(r"\\[Nnh]", " ", line).replace("\u2060", "") for line in shown]
    return _one(name, "ass", lines)


def read_lrc(name: str, text: str) -> Texts:
    """The words of all lines with times, in the order of these; a line may have several times.

    Raises DataError for a text without any time.
    """
    found: list[tuple[float, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        rest, times = line.strip(), []
        while match := _STAMP.match(rest):
            times.append(_seconds(f"{match[1]}:{match[2]}", f"{name}:{number}"))
            rest = rest[match.end() :].lstrip()
        found += [(time, _WORD.sub(" ", rest)) for time in times]
    if not found and text.strip():
        raise DataError(f"{name}: no time in it", "a line of lyrics begins with [00:01.00]")
    return _one(name, "lrc", [line for _, line in sorted(found, key=lambda item: item[0])])


def _seconds(clock: str, where: str) -> float:
    """Seconds of h:mm:ss.cc or mm:ss.cc; where: "file:line" for messages."""
    try:
        parts = [float(part) for part in clock.strip().split(":")]
    except ValueError:
        raise DataError(f"{where}: {clock.strip()!r} is not a time", "like 0:00:01.50") from None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + part
    return seconds


def _one(name: str, kind: str, lines: list[str]) -> Texts:
    return Texts(name, kind, [Utterance(stem(name), " ".join(" ".join(lines).split()))])
