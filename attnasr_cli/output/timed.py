"""Words with times: CTM (NIST) and Praat's TextGrid."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import PurePath

from attnasr_cli.families.base import Word
from attnasr_cli.output.cues import words_of
from attnasr_cli.recognize.transcript import Segment, Transcript

SHORTEST_S = 0.001  # Praat does not accept empty intervals


def ctm_lines(segment: Segment, file: str, channel: int | None) -> str:
    """One line a word: file, channel, start, duration, word, confidence.

    The file is the recording's name without folder and ending, white space replaced by ``_``.
    """
    name = re.sub(r"\s", "_", PurePath(file).stem) or "_"
    return "".join(
        f"{name} {channel or 1} {word.start:.3f} {max(word.end - word.start, 0):.3f}"
        f" {word.word} {word.probability if math.isfinite(word.probability) else 0.0:.3f}\n"
        for whole in words_of(segment)
        for word in _tokens(whole)
    )


def _tokens(word: Word) -> list[Word]:
    """Split a word at white space, which CTM does not allow inside a word: punctuation joins its
    neighbour, and the time is shared by the number of characters."""
    parts: list[str] = []
    for part in word.word.split():
        if parts and not (_is_said(parts[-1]) and _is_said(part)):
            parts[-1] += part
        else:
            parts.append(part)
    total, position = sum(map(len, parts)), 0
    found: list[Word] = []
    for part in parts:
        start = word.start + (word.end - word.start) * position / total
        position += len(part)
        end = word.start + (word.end - word.start) * position / total
        found.append(Word(part, start, end, word.probability))
    return found


def _is_said(part: str) -> bool:
    return any(character.isalnum() for character in part)


def textgrid(transcript: Transcript) -> str:
    """A TextGrid in the long text format with the tiers ``segments`` and ``words``."""
    segments = [(s.start, s.end, s.text.strip()) for s in transcript.segments]
    words = [(w.start, w.end, w.word.strip()) for s in transcript.segments for w in words_of(s)]
    last = max((end for _, end, _ in segments + words), default=0.0)
    total = max(transcript.duration, last, SHORTEST_S)
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {total:.3f}",
        "tiers? <exists>",
        "size = 2",
        "item []:",
    ]
    for i, (name, spans) in enumerate((("segments", segments), ("words", words)), 1):
        intervals = _filled(spans, round(total, 3))
        lines += [
            f"    item [{i}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {total:.3f}",
            f"        intervals: size = {len(intervals)}",
        ]
        for j, (start, end, text) in enumerate(intervals, 1):
            quoted = text.replace('"', '""')
            lines += [
                f"        intervals [{j}]:",
                f"            xmin = {start:.3f}",
                f"            xmax = {end:.3f}",
                f'            text = "{quoted}"',
            ]
    return "\n".join(lines) + "\n"


def _filled(
    spans: Iterable[tuple[float, float, str]], total: float
) -> list[tuple[float, float, str]]:
    """Intervals that cover 0 to total without gaps or overlaps, empty where nothing is said.

    What is too short for an interval of its own is added to the text of the one before.
    """
    result: list[tuple[float, float, str]] = []
    position = 0.0
    for start, end, text in spans:
        start, end = max(round(start, 3), position), min(round(end, 3), total)
        if end - start < SHORTEST_S / 2:
            end = round(start + SHORTEST_S, 3)
            if end > total:
                if result:
                    first, last, before = result[-1]
                    result[-1] = (first, last, f"{before} {text}".strip())
                continue
        if start > position:
            result.append((position, start, ""))
        result.append((start, end, text))
        position = end
    if position < total or not result:
        result.append((position, total, ""))
    return result
