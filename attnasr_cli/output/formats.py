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
from attnasr_cli.output.karaoke import ass, lrc
from attnasr_cli.output.subtitles import srt, vtt
from attnasr_cli.output.timed import ctm_lines, textgrid
from attnasr_cli.recognize.transcript import Segment, Transcript

Line = Callable[[Segment, str, int | None], str]
"""(segment, file, channel) → its lines, with their line ends"""


@dataclass(frozen=True)
class Format:
    """An output format: written segment by segment, or as a whole."""

    name: str
    ending: str
    whole: Callable[[Transcript, CueConfig], str] | None = None
    """complete content of the file, with its last line end"""
    line: Line | None = None
    """the text of one segment, where it does not depend on others"""
    head: str = ""
    """what stands before the first segment"""
    word_times: bool = True
    """whether it needs, or is better with, word times"""
    cues: bool = False
    """whether it is made of subtitles, so that their options change it"""
    joins: bool = False
    """whether several may be concatenated on stdout"""

    def render(self, transcript: Transcript, config: CueConfig) -> str:
        """Complete content of the file, with its last line end."""
        if self.whole is not None:
            return self.whole(transcript, config)
        assert self.line is not None
        lines = [self.line(s, transcript.file, transcript.channel) for s in transcript.segments]
        return self.head + "".join(lines)


def txt(segment: Segment, file: str, channel: int | None) -> str:
    """One line a segment, as openai-whisper; none for one that was rejected."""
    return segment.text.strip() + "\n" if segment.text else ""


def tsv(segment: Segment, file: str, channel: int | None) -> str:
    """Start and end in milliseconds and the text, as openai-whisper."""
    text = " ".join(segment.text.split())
    if not text:  # a rejected segment
        return ""
    return f"{round(segment.start * 1000)}\t{round(segment.end * 1000)}\t{text}\n"


def as_json(transcript: Transcript, config: CueConfig) -> str:
    return to_json(transcript.to_json(), indent=2) + "\n"


def jsonl(segment: Segment, file: str, channel: int | None) -> str:
    """One JSON line a segment, with the name of its file."""
    origin = {"file": file} | ({} if channel is None else {"channel": channel})
    return to_json(origin | segment.to_json()) + "\n"


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
        Format("txt", "txt", line=txt, word_times=False, joins=True),
        Format("srt", "srt", srt, cues=True),
        Format("vtt", "vtt", vtt, cues=True),
        Format("ass", "ass", ass, cues=True),
        Format("lrc", "lrc", lrc, cues=True),
        Format("tsv", "tsv", line=tsv, head="start\tend\ttext\n", word_times=False),
        Format("json", "json", as_json, joins=True),
        Format("jsonl", "jsonl", line=jsonl, joins=True),
        Format("ctm", "ctm", line=ctm_lines, joins=True),
        Format("textgrid", "TextGrid", lambda t, c: textgrid(t)),
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
