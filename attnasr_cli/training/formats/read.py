"""Reads training data in any supported format into utterances."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from attnasr_cli.errors import DataError
from attnasr_cli.training.formats.commands import (
    foldered,
    is_foldered,
    is_named,
    named,
    recordings,
)
from attnasr_cli.training.formats.folders import (
    VCTK_AUDIO,
    audio_with_text,
    librispeech,
    ljspeech,
    vctk,
)
from attnasr_cli.training.formats.kaldi import kaldi
from attnasr_cli.training.formats.lhotse import cuts, is_cuts
from attnasr_cli.training.formats.tables import manifest
from attnasr_cli.training.formats.tars import shards, tar_shards
from attnasr_cli.training.formats.utterance import Utterance

Reader = Callable[[Path], Iterator[Utterance]]
METADATA = ("metadata.csv", "metadata.jsonl")
TABLES = (".tsv", ".csv", ".jsonl")
SHOWN = 5
"""of the tables in a folder that is none of a corpus"""


def read_data(path: Path) -> list[Utterance]:
    """The utterances at a path, sorted by id.

    A folder: Kaldi's, LibriSpeech's, LJSpeech's, VCTK's, an audiofolder of Hugging Face, audio with
    ``.txt`` beside, commands by the names of their files or folders, or tar shards. A file: a
    manifest (TSV, CSV, JSONL, JSON), Common Voice's and NeMo's among them, lhotse's cuts, or a tar
    shard (or a range of them). Raises DataError naming the kind, the file and the line.
    """
    kind, reader = _reader(path)
    found = _with_ids(list(reader(path)))
    if not found:
        tables = sorted(p.name for p in path.glob("*") if p.suffix in TABLES)[:SHOWN]
        raise DataError(
            f"no utterances in {path}, taken for {kind}",
            f"name its table: {', '.join(tables)}"
            if tables
            else "wanted: a manifest, *.trans.txt, metadata.csv, wav.scp, audio with .txt, or a "
            "folder for each word",
        )
    for name, count in Counter(u.id for u in found).most_common(1):
        if count > 1:
            first, second = [u.place for u in found if u.id == name][:2]
            raise DataError(
                f"{path}: the id {name!r} appears twice: {first} and {second}",
                "give each its own in the column id, or leave that column out",
            )
    return sorted(found, key=lambda u: u.id)


def _reader(path: Path) -> tuple[str, Reader]:
    """The format of the data at a path, and its reader."""
    if not path.is_dir() and shards(path):
        return "tar shards", tar_shards
    if path.is_file():
        if path.name.endswith((".jsonl", ".jsonl.gz")) and is_cuts(path):
            return "lhotse cuts", cuts
        return "a manifest", manifest
    if not path.is_dir():
        raise DataError(f"no such data: {path}", "give a corpus folder or a manifest file")
    if (path / "wav.scp").is_file():
        return "a Kaldi folder", kaldi
    if (path / "clips").is_dir() and any(path.glob("*.tsv")):
        splits = ", ".join(p.name for p in sorted(path.glob("*.tsv")))
        raise DataError(f"{path} is a Common Voice folder", f"name one of its tables: {splits}")
    if (path / "txt").is_dir() and any((path / name).is_dir() for name in VCTK_AUDIO):
        return "a VCTK folder", vctk
    if (path / "metadata.csv").is_file() and (path / "wavs").is_dir():
        return "an LJSpeech folder", ljspeech
    if any(True for name in METADATA for _ in path.rglob(name)):
        return "an audiofolder", _audiofolder
    if any(path.rglob("*.trans.txt")):
        return "a LibriSpeech folder", librispeech
    audio = recordings(path)
    if not audio and shards(path):
        return "a folder of tar shards", tar_shards
    if not any(file.with_suffix(".txt").is_file() for file in audio):
        if is_named(audio):
            return "audio called WORD_SPEAKER_NUMBER", named
        if is_foldered(path, audio):
            return "a folder of audio for each word", foldered
    return "audio with .txt beside", audio_with_text


def _audiofolder(root: Path) -> Iterator[Utterance]:
    """Hugging Face's audiofolder: a metadata file in the folder, or one in each below it."""
    for table in sorted(p for name in METADATA for p in root.rglob(name)):
        yield from manifest(table)


def _with_ids(found: list[Utterance]) -> list[Utterance]:
    """Give utterances without an id one: the name of their file, with its folder where that is not
    unique, and with their start where they are part of a recording."""
    paths = {u.path for u in found if not u.id}
    if not paths:
        return found
    plain = len({path.stem for path in paths}) == len(paths)
    root = Path(os.path.commonpath([path.parent for path in paths]))

    def name(u: Utterance) -> str:
        file = u.path.stem if plain else str(u.path.relative_to(root).with_suffix(""))
        return file if u.start_s is None else f"{file}@{u.start_s:.2f}"

    return [u if u.id else replace(u, id=name(u)) for u in found]
