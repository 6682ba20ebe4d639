"""Texts in tables and JSON: tsv, csv, jsonl, json."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePosixPath
from typing import Any

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.types import Texts, TimedWord, Utterance

ID = ("id", "utt_id", "utterance_id", "utt")
PATH = ("path", "file", "audio", "audio_filepath", "wav")
TEXT = ("text", "pred_text", "sentence", "transcript", "transcription", "hypothesis", "reference")


def separator(header: str) -> str | None:
    """Tab or comma, if the line is the header of a table of texts."""
    for mark in "\t,":
        names = {item.strip().strip('"').lower() for item in header.split(mark)}
        if len(names) > 1 and names & set(TEXT) and names & {*ID, *PATH}:
            return mark
    return None


def read_table(name: str, text: str, kind: str) -> Texts:
    mark = "\t" if kind == "tsv" else ","
    lines = text.split("\n")
    if not any(lines):
        raise DataError(f"{name}: empty", "a table begins with its column names")
    header = lines[0]
    csv.field_size_limit(1 << 30)
    # a tab-separated file has no quoting: a lone " in a sentence is a "
    if kind == "tsv":
        rows = csv.reader(io.StringIO(text), delimiter=mark, quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(io.StringIO(text), delimiter=mark, strict=True)
    names = [item.strip() for item in next(rows)]
    lower = [item.lower() for item in names]
    if not set(lower) & set(TEXT) or not set(lower) & {*ID, *PATH}:
        raise DataError(
            f"{name}:1: no column for the {'text' if not set(lower) & set(TEXT) else 'id'}"
            f" in the header {header[:80]!r}",
            "a table needs the columns id (or path) and text",
        )
    out = Texts(name, kind)
    try:
        for row in rows:
            if not any(item.strip() for item in row):
                continue
            if len(row) != len(names):
                raise DataError(
                    f"{name}:{rows.line_num}: {len(row)} fields, but the header has {len(names)}",
                    f"fields are separated by {'tabs' if kind == 'tsv' else 'commas'}",
                )
            values = dict(zip(names, row, strict=True))
            out.utterances.append(_utterance(name, rows.line_num, values))
    except csv.Error as problem:
        raise DataError(f"{name}:{rows.line_num}: {problem}", "check the quotes") from None
    return out


def read_jsonl(name: str, text: str) -> Texts:
    found: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except ValueError as problem:
            raise DataError(f"{name}:{number}: not JSON: {problem}", "one object a line") from None
        if not isinstance(values, dict):
            raise DataError(f"{name}:{number}: not an object", 'like {"id": "a", "text": "b"}')
        found.append((number, values))
    out = Texts(name, "jsonl")
    for number, values in _recordings(found):
        _add(out, name, number, values)
    return out


def _recordings(found: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """Where every line is a timed segment of a file, as attnasr writes jsonl: a line per file."""
    if not all({"file", "start", "end", "text"} <= values.keys() for _, values in found):
        return found
    files: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    for number, values in found:
        key = str(values["file"]), str(values.get("channel", ""))
        if key not in files:
            origin: dict[str, Any] = {k: values[k] for k in ("file", "channel") if k in values}
            files[key] = number, {**origin, "segments": []}
        files[key][1]["segments"].append(values)
    return list(files.values())


def read_json(name: str, text: str) -> Texts:
    try:
        whole = json.loads(text)
    except ValueError as problem:
        raise DataError(f"{name}: not JSON: {problem}", "check the file") from None
    out = Texts(name, "json")
    entries = whole if isinstance(whole, list) else [whole]
    if isinstance(whole, dict) and "text" not in whole and "segments" not in whole:
        # {"id": "text", …}
        entries = [{"id": key, "text": value} for key, value in whole.items()]
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise DataError(f"{name}: entry {number} is not an object", "id and text are needed")
        if not any(key in entry for key in (*ID, *PATH)) and len(entries) == 1:
            entry = {"file": PurePosixPath(name).stem, **entry}
        _add(out, name, 0, entry)
    return out


def _add(out: Texts, name: str, line: int, values: dict[str, Any]) -> None:
    if "text" not in values and isinstance(values.get("segments"), list):
        values = {**values, "text": " ".join(str(s.get("text", "")) for s in values["segments"])}
    utterance = _utterance(name, line, values)
    out.utterances.append(utterance)
    words = _timed(values)
    if words:
        channel = str(values.get("channel") or "1")
        key = PurePosixPath(utterance.columns.get("path", utterance.id)).stem
        out.channels.setdefault((key, channel), []).extend(words)


def _timed(values: dict[str, Any]) -> list[TimedWord]:
    """Words with times of a transcript, as openai-whisper and we write them."""
    found = []
    segments = values.get("segments")
    holders = segments if isinstance(segments, list) else [values]
    for holder in holders:
        for item in holder.get("words") or [] if isinstance(holder, dict) else []:
            if isinstance(item, dict) and "start" in item and "end" in item:
                begin, end = float(item["start"]), float(item["end"])
                found.append(TimedWord(begin, end - begin, str(item.get("word", "")).strip(), 0))
    return found


def _utterance(name: str, line: int, values: dict[str, Any]) -> Utterance:
    lower = {key.lower(): value for key, value in values.items() if isinstance(key, str)}
    text = next((lower[key] for key in TEXT if key in lower), None)
    key = next((lower[key] for key in ID if lower.get(key) not in (None, "")), None)
    path = next((lower[key] for key in PATH if lower.get(key) not in (None, "")), None)
    where = f"{name}:{line}" if line else name
    if text is None:
        raise DataError(f"{where}: no text", f"columns there: {', '.join(values)[:200]}")
    if not isinstance(text, str):
        raise DataError(f"{where}: the text is {type(text).__name__}, not a string", "quote it")
    if key is None and path is None:
        raise DataError(f"{where}: no id", "every text needs an id or a path")
    columns = {
        str(column): str(value)
        for column, value in values.items()
        if isinstance(value, (str, int, float)) and value is not text
    }
    if path is not None:
        columns["path"] = str(path)
    return Utterance(str(key if key is not None else path).strip(), text, line, columns)
