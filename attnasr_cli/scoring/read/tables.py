"""Texts in tables and JSON: tsv, csv, jsonl, json."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from attnasr_cli import data
from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.columns import ID, KNOWN, PATH, TEXT, choose, folded
from attnasr_cli.scoring.types import Texts, TimedWord, Utterance, Want
from attnasr_cli.text.normalize import composed

TIMES = {"start", "end"}  # of a segment


def kind(text: str, column: str | None = None) -> str | None:
    """tsv or csv, if a text begins with the header of a table of texts."""
    header, _, rest = text.partition("\n")
    if re.match(r'"?sep=."?\s*$', header, re.IGNORECASE):
        header = rest.partition("\n")[0]
    texts = TEXT if column is None else TEXT | {folded(column)}
    mark = data.delimiter(header, KNOWN | texts)
    names = {folded(name) for name in data.header_names(header, mark)}
    if len(names) < 2 or not names & texts:
        return None
    if not names & {*ID, *PATH} and not names >= TIMES:
        return None
    return "tsv" if mark == "\t" else "csv"


def read_tsv(name: str, text: str, want: Want) -> Texts:
    """A tab-separated table. Raises DataError with the line."""
    return _table(name, text, want, "tsv", "\t")


def read_csv(name: str, text: str, want: Want) -> Texts:
    """A table with commas, semicolons or bars, whichever its header has. Raises DataError."""
    return _table(name, text, want, "csv", None)


def _table(name: str, text: str, want: Want, kind: str, mark: str | None) -> Texts:
    table = data.read_table(name, text, mark, KNOWN)
    where = f"{name}:{table.line}"
    names = {folded(column) for column in table.columns}
    if want.column is None and not names & TEXT:
        header = f"the header {', '.join(table.columns)[:80]!r}"
        raise DataError(
            f"{where}: no column for the text in {header}", "--ref-column or --hyp-column names it"
        )
    single = not names & {*ID, *PATH} and names >= TIMES
    if not names & {*ID, *PATH} and not single:
        raise DataError(
            f"{where}: no column for the id in the header {', '.join(table.columns)[:80]!r}",
            "a table needs the columns id (or path) and text",
        )
    column, note = choose(table.columns, want.side, want.column, where)
    out = Texts(name, kind, column=column, note=note)
    if single:
        _as_recording(out, (_spoken(f"{name}:{row.line}", row, column) for row in table.rows))
        return out
    for row in table.rows:
        out.utterances.append(_utterance(f"{name}:{row.line}", row, column))
    return out


def _as_recording(out: Texts, texts: Iterable[str]) -> None:
    """Take unnamed segments with times as one recording, as in openai-whisper's tsv."""
    out.recording = True
    out.utterances.append(Utterance(PurePosixPath(out.path).stem, " ".join(texts)))


def read_jsonl(name: str, text: str, want: Want) -> Texts:
    """A JSON object a line. Raises DataError with the line."""
    rows = _by_recording([(row.line, row.values) for row in data.read_jsonl(name, text)])
    found = [(f"{name}:{line}", data.Row(line, values)) for line, values in rows]
    return _objects(Texts(name, "jsonl"), found, want)


def read_json(name: str, text: str, want: Want) -> Texts:
    """A transcript, a list of objects, or an object of texts by id. Raises DataError."""
    whole = data.read_json(name, text)
    entries = whole if isinstance(whole, list) else [whole]
    if isinstance(whole, dict) and not {"segments", *TEXT} & {folded(key) for key in whole}:
        # {"id": "text", …} or {"id": {"text": …}, …}
        entries = [
            {"id": key, **value} if isinstance(value, dict) else {"id": key, "text": value}
            for key, value in whole.items()
        ]
    found = []
    for number, entry in enumerate(entries, 1):
        where = f"{name}: entry {number}" if len(entries) > 1 else name
        values = data.checked_object(entry, where)
        if len(entries) == 1 and not any(folded(key) in (*ID, *PATH) for key in values):
            values = {"file": PurePosixPath(name).stem, **values}
        found.append((where, data.Row(0, values)))
    return _objects(Texts(name, "json"), found, want)


def _objects(out: Texts, found: list[tuple[str, data.Row]], want: Want) -> Texts:
    """The utterances of JSON objects; each comes with the "file:line" that messages name."""
    rows = [(where, data.Row(row.line, _joined(row.values))) for where, row in found]
    # one column for all of them: texts must not come from several
    names = dict.fromkeys(key for _, row in rows for key in row.values)
    if not rows:
        return out
    first = rows[0][0]
    out.column, out.note = choose(names, want.side, want.column, first)
    named = {folded(name) for name in names} & {*ID, *PATH}
    if not named and len(rows) > 1 and all(row.values.keys() >= TIMES for _, row in rows):
        _as_recording(out, (_spoken(where, row, out.column) for where, row in rows))
        words = [word for _, row in rows for word in _timed(row.values)]
        if words:
            out.channels[composed(out.utterances[0].id), "1"] = words
        return out
    for where, row in rows:
        utterance = _utterance(where, row, out.column)
        out.utterances.append(utterance)
        words = _timed(row.values)
        if words:
            channel = str(row.values.get("channel") or "1")
            key = composed(PurePosixPath(utterance.columns.get("path", utterance.id)).stem)
            out.channels.setdefault((key, channel), []).extend(words)
    return out


def _joined(values: dict[str, Any]) -> dict[str, Any]:
    """An object with the text of its segments, where it has no text of its own."""
    transcription = values.get("transcription")
    if isinstance(transcription, list):  # whisper.cpp
        return {**values, "transcription": _texts(transcription)}
    if "text" not in values and isinstance(values.get("segments"), list):
        return {**values, "text": _texts(values["segments"])}
    return values


def _texts(segments: Iterable[Any]) -> str:
    return " ".join(str(s.get("text", "")) if isinstance(s, dict) else str(s) for s in segments)


def _by_recording(found: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """One entry per recording where every line is a timed segment, as attnasr writes jsonl."""
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


def _timed(values: dict[str, Any]) -> list[TimedWord]:
    """The timed words of a transcript, as openai-whisper and attnasr write them."""
    found = []
    segments = values.get("segments")
    holders = segments if isinstance(segments, list) else [values]
    for holder in holders:
        for item in holder.get("words") or [] if isinstance(holder, dict) else []:
            if isinstance(item, dict) and "start" in item and "end" in item:
                begin, end = float(item["start"]), float(item["end"])
                found.append(TimedWord(begin, end - begin, str(item.get("word", "")).strip(), 0))
    return found


def _spoken(where: str, row: data.Row, column: str) -> str:
    """The text of a row. where: "file:line" for messages. Raises DataError if there is none."""
    if column not in row.values:
        raise DataError(
            f"{where}: no {column!r}", "every row needs the column that the texts are taken from"
        )
    text = row.values[column]
    if not isinstance(text, str):
        what = "null" if text is None else type(text).__name__
        raise DataError(f"{where}: {column!r} is {what}, not a string", 'write it as a text, or ""')
    return text


def _utterance(where: str, row: data.Row, column: str) -> Utterance:
    text = _spoken(where, row, column)
    named = {folded(key): value for key, value in row.values.items() if value not in (None, "")}
    key = next((named[name] for name in ID if name in named), None)
    path = next((named[name] for name in PATH if isinstance(named.get(name), str)), None)
    if key is None and path is None:
        raise DataError(f"{where}: no id", "every text needs an id or a path")
    columns = {
        name: str(value)
        for name, value in row.values.items()
        if isinstance(value, (str, int, float)) and name != column
    }
    if path is not None:
        columns["path"] = str(path)
    return Utterance(str(key if key is not None else path).strip(), text, row.line, columns)
