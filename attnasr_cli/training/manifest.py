"""Training data as people have it: corpus folders, audio with text beside, TSV or JSONL."""

from __future__ import annotations

import csv
import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.errors import DataError

AUDIO = (".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a", ".webm")


@dataclass(frozen=True)
class Utterance:
    """A recording and its words."""

    id: str
    path: Path
    text: str


def read_data(path: Path) -> list[Utterance]:
    """Read whatever stands at a path, sorted by id.

    A folder in LibriSpeech layout (``*.trans.txt``), in LJSpeech layout (``metadata.csv`` and
    ``wavs/``), a folder of audio with ``.txt`` beside, or a TSV, CSV or JSONL manifest with the
    columns ``path`` (relative to the manifest) and ``text``, and optionally ``id``.
    Raises DataError naming file and line.
    """
    if path.is_dir():
        reader = _librispeech if any(path.rglob("*.trans.txt")) else _folder
        if (path / "metadata.csv").is_file():
            reader = _ljspeech
        found = list(reader(path))
    elif path.is_file():
        found = list(_jsonl(path) if path.suffix in (".jsonl", ".json") else _table(path))
    else:
        raise DataError(f"no such data: {path}", "give a corpus folder or a manifest file")
    if not found:
        raise DataError(
            f"no utterances in {path}", "wanted: *.trans.txt, metadata.csv, or audio with .txt"
        )
    seen: dict[str, Utterance] = {}
    for utterance in found:
        if utterance.id in seen:
            raise DataError(f"{path}: the id {utterance.id!r} appears twice", "ids must differ")
        seen[utterance.id] = utterance
    return sorted(found, key=lambda u: u.id)


def _librispeech(root: Path) -> Iterator[Utterance]:
    for table in sorted(root.rglob("*.trans.txt")):
        for number, line in enumerate(_lines(table), 1):
            if not line.strip():
                continue
            name, _, text = line.partition(" ")
            audio = next((p for s in AUDIO if (p := table.parent / (name + s)).is_file()), None)
            if audio is None:
                raise DataError(f"{table}:{number}: no audio for {name}", "is the corpus complete?")
            yield Utterance(name, audio, text.strip())


def _ljspeech(root: Path) -> Iterator[Utterance]:
    table = root / "metadata.csv"
    for number, line in enumerate(_lines(table), 1):
        if not line.strip():
            continue
        columns = line.split("|")
        if len(columns) < 2:
            raise DataError(f"{table}:{number}: not id|text", "fields are separated by |")
        audio = root / "wavs" / f"{columns[0]}.wav"
        if not audio.is_file():
            raise DataError(f"{table}:{number}: no audio {audio}", "is the corpus complete?")
        yield Utterance(columns[0], audio, columns[-1].strip())


def _folder(root: Path) -> Iterator[Utterance]:
    for audio in sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO):
        text = audio.with_suffix(".txt")
        if text.is_file():
            yield Utterance(
                str(audio.relative_to(root).with_suffix("")), audio, " ".join(_lines(text)).strip()
            )


def _table(path: Path) -> Iterator[Utterance]:
    lines = _lines(path)
    if path.suffix == ".csv":
        reader = csv.DictReader(lines)
    else:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    _need(path, reader.fieldnames or [])
    for row in reader:
        where = f"{path}:{reader.line_num}"
        if row.get("path") is None or row.get("text") is None or None in row:
            raise DataError(
                f"{where}: {len([v for v in row.values() if v is not None])} columns, the header "
                f"has {len(reader.fieldnames or [])}",
                "every row needs the columns of the header",
            )
        yield _row(row, path, where)


def _jsonl(path: Path) -> Iterator[Utterance]:
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as problem:
            raise DataError(f"{where}: not JSON: {problem}", "one object a line") from None
        if not isinstance(row, dict):
            raise DataError(f"{where}: not an object", "one object a line")
        _need(path, row, where)
        yield _row(row, path, where)


def _need(path: Path, columns: Container[str], where: str = "") -> None:
    for name in ("path", "text"):
        if name not in columns:
            raise DataError(f"{where or path}: no column {name!r}", "wanted: path, text, maybe id")


def _row(row: dict[str, str], manifest: Path, where: str) -> Utterance:
    if not str(row["path"]).strip():
        raise DataError(f"{where}: empty path", "every row needs its audio")
    audio = manifest.parent / str(row["path"])
    return Utterance(str(row.get("id") or audio.stem), audio, str(row["text"]).strip())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as problem:
        raise DataError(f"{path} is not UTF-8: {problem}", "save it as UTF-8") from None
    except OSError as problem:
        raise DataError(
            f"cannot read {path}: {problem.strerror}", "check path and rights"
        ) from None
