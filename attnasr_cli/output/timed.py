"""CTM (NIST) and Praat's TextGrid: words with times, for those who measure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from attnasr_cli.output.cues import words_of
from attnasr_cli.recognize.transcript import Transcript

SHORTEST_S = 0.001  # Praat knows no empty interval


def ctm(transcript: Transcript) -> str:
    """One line a word: file, channel, start, duration, word, confidence.

    The file is the recording's name without folder and ending, white space replaced by ``_``.
    """
    name = re.sub(r"\s", "_", PurePath(transcript.file).stem) or "_"
    channel = transcript.channel or 1
    return "".join(
        f"{name} {channel} {word.start:.3f} {max(word.end - word.start, 0):.3f}"
        f" {word.word.strip()} {word.probability:.3f}\n"
        for segment in transcript.segments
        for word in words_of(segment)
    )


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
    """Intervals that cover 0 to total without a hole or an overlap, empty where nothing is said.

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
