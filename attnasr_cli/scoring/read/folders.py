"""A folder of texts: a file per utterance or recording; its path without the ending is the id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from attnasr_cli.data import read_text
from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import ONE, Texts, Want

ENDINGS = {".txt": "txt", ".lab": "txt", ".srt": "srt", ".vtt": "vtt", ".json": "json"}


def read(folder: Path, want: Want) -> Texts:
    """All files of one kind in a folder and below, in the order of their names."""
    kind = want.kind
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
    if kind is not None:
        files = [p for p in files if ENDINGS[p.suffix.lower()] == kind]
    found = sorted({ENDINGS[p.suffix.lower()] for p in files})
    if not found:
        raise DataError(
            f"{folder}: no {kind or 'txt, srt, vtt or json'} files in this folder",
            "give a folder of such files, or one file",
        )
    if len(found) > 1:
        raise DataError(
            f"{folder}: holds {' and '.join(found)} files",
            f"say which with --ref-format or --hyp-format {found[0]}",
        )
    out = Texts(str(folder), found[0], folder=True)
    for path in files:
        one = parse(str(path), read_text(path), replace(want, kind=found[0]))
        out.column, out.note = one.column or out.column, one.note or out.note
        name = path.relative_to(folder).with_suffix("").as_posix()
        for utterance in one.utterances:
            utterance.source = str(path)
            if found[0] in ONE:
                utterance.id = name
            out.utterances.append(utterance)
        for key, words in one.channels.items():
            out.channels.setdefault(key, []).extend(words)
    return out
