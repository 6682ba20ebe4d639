"""The formats of transcripts, by name."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnasr_cli.errors import UsageError
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.output.subtitles import srt, vtt
from attnasr_cli.output.timed import ctm, textgrid
from attnasr_cli.recognize.transcript import Transcript


@dataclass(frozen=True)
class Format:
    """One way to write a transcript."""

    name: str
    ending: str
    render: Callable[[Transcript, CueConfig], str]
    """complete content of the file, with its last line end"""
    word_times: bool
    """whether it is better, or only possible, with times of words"""
    joins: bool
    """whether several of them one after the other, on stdout, are still of use"""


def txt(transcript: Transcript, config: CueConfig) -> str:
    """One line a segment, as openai-whisper."""
    return "".join(segment.text.strip() + "\n" for segment in transcript.segments)


def tsv(transcript: Transcript, config: CueConfig) -> str:
    """Start and end in milliseconds and the text, as openai-whisper."""
    lines = ["start\tend\ttext\n"]
    for s in transcript.segments:
        text = " ".join(s.text.split())
        lines.append(f"{round(s.start * 1000)}\t{round(s.end * 1000)}\t{text}\n")
    return "".join(lines)


def as_json(transcript: Transcript, config: CueConfig) -> str:
    return to_json(transcript.to_json(), indent=2) + "\n"


def jsonl(transcript: Transcript, config: CueConfig) -> str:
    """One line a segment, which says what file it is of."""
    table = transcript.to_json()
    origin = {key: table[key] for key in ("file", "channel") if key in table}
    return "".join(to_json(origin | segment) + "\n" for segment in table["segments"])


def to_json(what: Any, indent: int | None = None) -> str:
    """JSON as the standard has it: a number that is not finite becomes null."""
    return json.dumps(_finite(what), ensure_ascii=False, indent=indent, allow_nan=False)


def _finite(what: Any) -> Any:
    if isinstance(what, float):
        return what if math.isfinite(what) else None
    if isinstance(what, dict):
        return {key: _finite(value) for key, value in what.items()}
    if isinstance(what, list | tuple):
        return [_finite(value) for value in what]
    return what


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("txt", "txt", txt, word_times=False, joins=True),
        Format("srt", "srt", srt, word_times=True, joins=False),
        Format("vtt", "vtt", vtt, word_times=True, joins=False),
        Format("tsv", "tsv", tsv, word_times=False, joins=False),
        Format("json", "json", as_json, word_times=True, joins=True),
        Format("jsonl", "jsonl", jsonl, word_times=True, joins=True),
        Format("ctm", "ctm", lambda t, c: ctm(t), word_times=True, joins=True),
        Format("textgrid", "TextGrid", lambda t, c: textgrid(t), word_times=True, joins=False),
    )
}


def choose(names: str) -> list[Format]:
    """Formats from a list such as ``txt,srt``. Raises UsageError for one that is unknown."""
    chosen: list[Format] = []
    for name in (part.strip().lower() for part in names.split(",")):
        if name not in FORMATS:
            near = difflib.get_close_matches(name, FORMATS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one or several of {','.join(FORMATS)}"
            raise UsageError(f"unknown format {name!r}", hint)
        if FORMATS[name] not in chosen:
            chosen.append(FORMATS[name])
    return chosen
