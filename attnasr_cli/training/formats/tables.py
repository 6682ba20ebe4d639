"""Manifests: ours, Common Voice, Hugging Face audiofolder, NeMo; told apart by their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.data import Row, read_rows
from attnasr_cli.errors import DataError
from attnasr_cli.training.formats.utterance import Utterance, seconds

TEXTS = ("text", "sentence", "transcription", "transcript")
KNOWN = ("id", "start", "end", "offset", "duration", "speaker", "client_id", "speaker_id", *TEXTS)


@dataclass(frozen=True)
class Kind:
    """A kind of manifest."""

    name: str
    path: str
    """column of the recording's path"""
    folder: str
    """folder that paths are relative to, from the manifest"""


KINDS = (
    Kind("a Common Voice table", "path", "clips"),
    Kind("a manifest", "path", ""),
    Kind("a NeMo manifest", "audio_filepath", ""),
    Kind("an audiofolder table", "file_name", ""),
)


def manifest(path: Path) -> Iterator[Utterance]:
    """The utterances of a TSV, CSV, JSONL or JSON file.

    The columns ``path`` and ``text``, and optionally ``id``, ``start`` and ``end`` in seconds and
    ``speaker``; or those that Common Voice, NeMo and Hugging Face give their files.
    Raises DataError naming the kind that was taken, the file and the line.
    """
    kind: Kind | None = None
    for row in read_rows(path, (), KNOWN + tuple(k.path for k in KINDS)):
        where = f"{path}:{row.line}" if row.line else str(path)
        if kind is None:
            kind = _kind(row, where)
        try:
            yield _utterance(row, path, kind, where)
        except DataError as problem:
            taken = f"{problem.hint}; the file was taken for {kind.name}"
            raise DataError(problem.message, taken) from None


def _kind(row: Row, where: str) -> Kind:
    columns = set(row.values)
    if {"client_id", "path", "sentence"} <= columns:
        return KINDS[0]
    for kind in KINDS[1:]:
        if kind.path in columns:
            return kind
    names = ", ".join(str(name) for name in row.values)[:200]
    raise DataError(f"{where}: no column 'path'", f"wanted: path and text; there are: {names}")


def _utterance(row: Row, path: Path, kind: Kind, where: str) -> Utterance:
    values = row.values
    column = next((name for name in TEXTS if name in values), None)
    if column is None or kind.path not in values:
        missing = "text" if column is None else kind.path
        raise DataError(f"{where}: no column {missing!r}", f"there are: {', '.join(values)[:200]}")
    for name in (kind.path, column):
        if not isinstance(values[name], str):
            raise DataError(f"{where}: {name} is {values[name]!r}, not a string", "quote it")
    if not values[kind.path].strip():
        raise DataError(f"{where}: empty {kind.path}", "every row needs its audio")
    start = seconds(values.get("start", values.get("offset")), "start", where)
    end = seconds(values.get("end"), "end", where)
    if end is None and values.get("offset") not in (None, "", 0, 0.0):
        duration = seconds(values.get("duration"), "duration", where)
        end = None if duration is None else (start or 0.0) + duration
    if end is not None and end <= (start or 0.0):
        raise DataError(f"{where}: it ends at {end:g} s, before its start", "check the times")
    speaker = values.get("speaker") or values.get("client_id") or values.get("speaker_id") or ""
    audio = path.parent / kind.folder / values[kind.path]
    name = str(values.get("id") or "")
    return Utterance(name, audio, values[column].strip(), start, end, str(speaker))
