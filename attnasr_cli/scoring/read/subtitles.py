"""Subtitles as one text, read as players read them: srt and vtt.

Files in the wild have blank lines inside cues, none between cues, numbers that are missing, times
with a point or without hours, cues out of order or written twice. So lines are read one by one: a
line of times begins a cue, and all up to the next one is its text, without the number before it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import PurePath

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read import rolling
from attnasr_cli.scoring.read.rolling import Cue
from attnasr_cli.scoring.types import Texts, Utterance

# [hours:]minutes:seconds[,.]thousandths, spaces and a missing fraction forgiven
_CLOCK = r"-?(?:(\d+)\s?:\s?)?(\d{1,2})\s?:\s?(\d{1,2})(?:\s?[,.:]\s?(\d{1,9}))?"
_TIMES = re.compile(rf"\s*(?:\d+\s+)?{_CLOCK}\s*-{{1,2}}>\s*{_CLOCK}(?=\s|$)")
_MEANT = re.compile(
    r"\s*\d+\s*:[\d\s:,.]*-{1,2}>|\s*\d[\d\s:,.]*-->\s*\d"
)  # meant as times, but wrong
_NUMBER = re.compile(r"\s*\d+\s*$")
_INLINE = re.compile(r"<\d[\d:.]*>")  # the time at which the words after it appear
_TAG = re.compile(r"</?[a-zA-Z/][^>\n]*>|</>|<\d[\d:.]*>|\{\\[^}\n]*\}|\{[a-zA-Z]:[^}\n]*\}")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|\w+);")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")


@dataclass(slots=True)
class _Raw:
    """A line of times and the lines up to the next one, as they stand."""

    line: int
    begin: float
    end: float
    lines: list[str]


def stem(name: str) -> str:
    """The name of a file without folder and ending: the id of a file that is one text."""
    return PurePath(name).stem


def begins(text: str) -> bool:
    """Whether a text begins as subtitles do: with the times of a cue, a number before them."""
    lines = [line for line in text[:2000].split("\n") if line.strip()][:2]
    if lines and _NUMBER.match(lines[0]):
        del lines[0]
    return bool(lines) and bool(_TIMES.match(lines[0]))


def read_srt(name: str, text: str) -> Texts:
    """The words of all cues in the order of their times; a cue written twice counts once.

    Raises DataError, with the line, for times that are none, and for a text without any cue.
    """
    cues = [_cue(raw, raw.lines) for raw in _raw(name, text, vtt=False)]
    return _texts(name, "srt", text, cues)


def read_vtt(name: str, text: str) -> Texts:
    """The words of all cues, without notes, styles and the names of cues. Raises as read_srt.

    An empty line ends a cue, as the standard says: what follows without times is shown by no
    player, and is named in the note of the result. Rolling captions are read once.
    """
    cues, lost = [], 0
    for raw in _raw(name, text, vtt=True):
        end = next((k for k, line in enumerate(raw.lines) if not line), len(raw.lines))
        stray = _stray(raw.lines[end:])
        if stray is not None and not lost:
            lost = raw.line + 1 + end + stray
        cues.append(_cue(raw, raw.lines[:end]))
    out = _texts(name, "vtt", text, cues)
    if lost:
        out.note = f"line {lost} and on: text behind an empty line is in no cue, and is left out"
    return out


def _stray(lines: list[str]) -> int | None:
    """The index of the first line behind a cue that is in no note, style or region."""
    skipping = False
    for number, line in enumerate(lines):
        skipping = bool(line) and (skipping or bool(_BLOCK.match(line)))
        if line.strip() and not skipping:
            return number
    return None


def _raw(name: str, text: str, vtt: bool) -> list[_Raw]:
    """The cues of a file, each with the lines up to the number or name of the next one."""
    found: list[_Raw] = []
    lines: list[str] = []  # those before the first cue, then those of the last one
    last: int | None = None  # the number of the last cue that has one
    for number, line in enumerate(text.split("\n"), 1):
        if "->" in line and (match := _TIMES.match(line)):
            last = _drop_label(lines, not found, last, vtt)
            lines = []
            found.append(_Raw(number, *_times(match), lines))
        elif "-->" in line and _MEANT.match(line):
            raise DataError(
                f"{name}:{number}: not a cue's times: {line.strip()[:60]!r}",
                "like 00:00:01,000 --> 00:00:02,500",
            )
        else:
            lines.append(line)
    if found:
        _drop_label(lines, False, last, vtt, at_end=True)  # of a cue that was cut off
    return found


def _drop_label(
    lines: list[str], first: bool, last: int | None, vtt: bool, at_end: bool = False
) -> int | None:
    """Take the number (in vtt: the name) of a cue from the end of the lines before its times.

    Returns the number, or the last one. A number is one behind an empty line, or right before the
    times in a file whose cues have numbers; any other is what was said.
    """
    filled = len(lines)
    while filled and not lines[filled - 1].strip():
        filled -= 1
    if not filled:
        return last
    label, close = lines[filled - 1], filled == len(lines) and not at_end
    apart = first or (filled > 1 and not lines[filled - 2].strip())
    if _NUMBER.match(label):
        value = int(label)
        if (close and (apart or last is not None)) or (apart and (first or last == value - 1)):
            del lines[filled - 1 :]
            return value
    elif vtt and close and filled > 1 and not lines[filled - 2]:
        del lines[filled - 1 :]
    return last


def _times(match: re.Match[str]) -> tuple[float, float]:
    """Begin and end in seconds."""
    found = match.groups()
    begin, end = (
        int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{part or 0}")
        for hours, minutes, seconds, part in (found[:4], found[4:])
    )
    return begin, end


def _cue(raw: _Raw, lines: list[str]) -> Cue:
    """A cue with its lines as they are shown: without tags, entities as characters."""
    # "-->" inside a text is written with a space of no width, as it would be taken for times
    lines = [line.replace("--\u200b>", "-->") for line in lines]
    shown = (_ENTITY.sub(lambda e: html.unescape(e[0]), _TAG.sub("", line)) for line in lines)
    spoken = [" ".join(re.sub(r"\\[Nnh]", " ", line).split()) for line in shown]
    inline = any(_INLINE.search(line) for line in lines)
    marked = " ".join(" ".join(lines).split())
    return Cue(raw.begin, raw.end, tuple(line for line in spoken if line), inline, marked)


def _texts(name: str, kind: str, text: str, cues: list[Cue]) -> Texts:
    if not cues and text.strip() and not text.lstrip().startswith("WEBVTT"):
        raise DataError(f"{name}: no cue in it", "a cue begins with 00:00:01,000 --> 00:00:02,500")
    once = list(dict.fromkeys(sorted(cues, key=lambda cue: cue.begin)))
    lines = rolling.spoken_lines(once)
    return Texts(name, kind, [Utterance(stem(name), " ".join(lines))])
