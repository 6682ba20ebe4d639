"""Subtitles as one text: srt and vtt."""

from __future__ import annotations

import html
import re
from pathlib import PurePath

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.types import Texts, Utterance

_TIME = re.compile(
    r"\s*(?:\d+:)?\d+:\d\d[,.]\d+\s*-->\s*(?:\d+:)?\d+:\d\d[,.]\d+",
)
_TAG = re.compile(r"<[^>\n]*>|\{\\[^}\n]*\}")


def stem(name: str) -> str:
    return PurePath(name).stem


def read(name: str, text: str, kind: str) -> Texts:
    """The words of all cues; numbers, times, notes, styles and tags are left out."""
    spoken: list[str] = []
    number = 1
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.split("\n")
        at = next((k for k, line in enumerate(lines) if "-->" in line), None)
        if at is not None:
            if not _TIME.match(lines[at]):
                line = number + at
                raise DataError(
                    f"{name}:{line}: not a cue's times: {lines[at].strip()[:60]!r}",
                    "like 00:00:01,000 --> 00:00:02,500",
                )
            spoken += lines[at + 1 :]
        number += len(lines) + 1
    words = html.unescape(_TAG.sub("", " ".join(spoken))) if kind == "vtt" else " ".join(spoken)
    words = " ".join(_TAG.sub("", words).split())
    return Texts(name, kind, [Utterance(stem(name), words)])
