"""A folder of texts: a file per utterance or recording; its path without the ending is the id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import ONE, Texts, Want

ENDINGS = {".txt": "txt", ".lab": "txt", ".srt": "srt", ".vtt": "vtt", ".json": "json"}
# looked for where there is none of the others: they often lie beside these
FURTHER = {".tsv": "tsv", ".ass": "ass", ".ssa": "ass", ".lrc": "lrc", ".textgrid": "textgrid"}


def read(folder: Path, want: Want) -> Texts:
    """All files of one kind in a folder and below, in the order of their names.

    Raises DataError where there is none, or where there are files of several kinds.
    """
    kinds = {path: _kind(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    found = sorted(set(kinds.values()) & set(ENDINGS.values()))
    found = found or sorted(set(kinds.values()) & set(FURTHER.values()))
    if want.kind is not None:
        found = [want.kind] if want.kind in kinds.values() else []
    if not found:
        raise DataError(
            f"{folder}: no {want.kind or 'txt, srt, vtt or json'} files in this folder",
            "give a folder of such files, or one file",
        )
    if len(found) > 1:
        raise DataError(
            f"{folder}: holds {' and '.join(found)} files",
            f"say which with --ref-format or --hyp-format {found[0]}",
        )
    out = Texts(str(folder), found[0], folder=True)
    for path in (path for path, kind in kinds.items() if kind == found[0]):
        one = parse(str(path), read_text(path), replace(want, kind=found[0]))
        out.column, out.note = one.column or out.column, one.note or out.note
        name = path.relative_to(folder).with_suffix("").as_posix()
        for utterance in one.utterances:
            utterance.source = str(path)
            if found[0] in ONE or one.recording:
                utterance.id = name
            out.utterances.append(utterance)
        for key, words in one.channels.items():
            out.channels.setdefault(key, []).extend(words)
    return out


def _kind(path: Path) -> str:
    ending = path.suffix.lower()
    return ENDINGS.get(ending) or FURTHER.get(ending, "")
