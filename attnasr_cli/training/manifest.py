"""Training data as people have it: corpus folders, audio with text beside, TSV or JSONL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.data import AUDIO_ENDINGS, Row, read_rows, read_text
from attnasr_cli.errors import DataError

COLUMNS = ("path", "text")


@dataclass(frozen=True)
class Utterance:
    """A recording and its words."""

    id: str
    path: Path
    text: str


def read_data(path: Path) -> list[Utterance]:
    """Read whatever stands at a path, sorted by id.

    A folder in LibriSpeech layout (``*.trans.txt``), in LJSpeech layout (``metadata.csv`` and
    ``wavs/``), a folder of audio with ``.txt`` beside, or a TSV, CSV, JSONL or JSON manifest with
    the columns ``path`` (relative to the manifest) and ``text``, and optionally ``id``.
    Raises DataError naming file and line.
    """
    if path.is_dir():
        reader = _librispeech if any(path.rglob("*.trans.txt")) else _folder
        if (path / "metadata.csv").is_file():
            reader = _ljspeech
        found = list(reader(path))
    elif path.is_file():
        found = [_utterance(row, path) for row in read_rows(path, COLUMNS, known=("id",))]
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
            named = (table.parent / (name + ending) for ending in AUDIO_ENDINGS)
            audio = next((path for path in named if path.is_file()), None)
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
    for audio in sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS):
        text = audio.with_suffix(".txt")
        if text.is_file():
            yield Utterance(
                str(audio.relative_to(root).with_suffix("")), audio, " ".join(_lines(text)).strip()
            )


def _utterance(row: Row, manifest: Path) -> Utterance:
    where = f"{manifest}:{row.line}" if row.line else str(manifest)
    for name in COLUMNS:
        if not isinstance(row.values[name], str):
            raise DataError(f"{where}: {name} is {row.values[name]!r}, not a string", "quote it")
    if not row.values["path"].strip():
        raise DataError(f"{where}: empty path", "every row needs its audio")
    audio = manifest.parent / row.values["path"]
    return Utterance(str(row.values.get("id") or audio.stem), audio, row.values["text"].strip())


def _lines(path: Path) -> list[str]:
    """The lines of a text file, the line break at its end being no line more."""
    return read_text(path).removesuffix("\n").split("\n")
