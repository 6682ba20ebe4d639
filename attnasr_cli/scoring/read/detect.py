"""Detects the kind of a text file from its content alone."""

from __future__ import annotations

import re

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read import karaoke, subtitles, tables, textgrid

_TRN = re.compile(r"\([^()\s]+\)\s*$")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)$")
_LOOK = 2000  # lines that are looked at


def detect(name: str, text: str, column: str | None = None) -> str:
    """The kind of a file; an error where two kinds fit, never a guess.

    column: that the texts are said to be in, if it is known. Raises DataError.
    """
    stripped = text.lstrip()
    if not stripped:
        return "txt"  # nothing is in it: an empty utterance
    if stripped.startswith("WEBVTT"):
        return "vtt"
    if textgrid.is_textgrid(stripped):
        return "textgrid"
    if karaoke.is_ass(stripped):
        return "ass"
    if karaoke.is_lrc(stripped):
        return "lrc"
    first = stripped.split("\n", 1)[0]
    if stripped[0] in "[{" and (found := _json(stripped, first)):
        return found
    if subtitles.begins(stripped):
        return "srt"
    if (table := tables.kind(stripped, column)) is not None:
        return table
    lines = [line for line in text.split("\n")[:_LOOK] if line.strip() and line[:2] != ";;"]
    if not lines:
        return "txt" if not text.startswith(";;") else "trn"
    if all(_TRN.search(line) for line in lines):
        return "trn"
    fields = [line.split() for line in lines]
    timed = [f for f in fields if not (len(f) > 4 and f[4].upper().startswith("<ALT"))]
    ctm = bool(timed) and all(4 < len(f) < 9 and _numbers(f[2:4]) for f in timed)
    stm = all(len(f) > 4 and _numbers(f[3:5]) for f in fields)
    stm = stm and all(float(f[4]) >= float(f[3]) for f in fields)
    if ctm and stm:
        labelled = any(len(f) > 5 and f[5].startswith("<") for f in fields)
        if labelled:
            return "stm"
        raise _unsure(name, "ctm or stm")
    if ctm or stm:
        return "ctm" if ctm else "stm"
    return _ids_first(name, fields)


def _numbers(fields: list[str]) -> bool:
    return all(_NUMBER.match(item) for item in fields)


def _json(text: str, first: str) -> str | None:
    """Told from the first line: a whole object on it and more lines after it is jsonl."""
    import json

    try:
        whole = json.loads(first)
    except ValueError:
        return "json" if re.match(r'[\[{]\s*(["{\[}\]]|$)', text) else None
    parts = isinstance(whole, dict) and (whole.get("segments") or whole.get("transcription"))
    if isinstance(whole, dict) and ("\n" in text.strip() or not isinstance(parts, list)):
        return "jsonl"
    return "json"


def _ids_first(name: str, fields: list[list[str]]) -> str:
    """Kaldi's `text` looks like prose; it is taken for one only where the ids look like ids."""
    ids = [f[0] for f in fields]
    if len(set(ids)) == len(ids) and all(re.search(r"[\d_\-./]", item) for item in ids):
        return "kaldi"
    raise _unsure(name, "Kaldi text (an id, then words) or one plain text")


def _unsure(name: str, kinds: str) -> DataError:
    return DataError(
        f"{name}: cannot tell whether this is {kinds}",
        "say which with --ref-format or --hyp-format: kaldi, txt, ctm, stm, …",
    )
