"""The content of one file as texts: find its kind, and call the reader of that kind."""

from __future__ import annotations

from collections.abc import Callable

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read import karaoke, nist_files, subtitles, tables, textgrid
from attnasr_cli.scoring.read.detect import detect
from attnasr_cli.scoring.types import Texts, Utterance, Want

READERS: dict[str, Callable[[str, str], Texts]] = {
    "kaldi": nist_files.read_kaldi,
    "trn": nist_files.read_trn,
    "ctm": nist_files.read_ctm,
    "stm": nist_files.read_stm,
    "srt": subtitles.read_srt,
    "vtt": subtitles.read_vtt,
    "ass": karaoke.read_ass,
    "lrc": karaoke.read_lrc,
}
TABLES: dict[str, Callable[[str, str, Want], Texts]] = {
    "tsv": tables.read_tsv,
    "csv": tables.read_csv,
    "jsonl": tables.read_jsonl,
    "json": tables.read_json,
    "textgrid": textgrid.read_textgrid,
}


def parse(name: str, text: str, want: Want | None = None) -> Texts:
    """The texts of one file. name: of the file, for messages and as the id of a single text.

    Raises DataError, with the line, where the content is not of its kind.
    """
    want = want or Want()
    empty = want.kind is None and not text.strip()
    kind = want.kind or detect(name, text, want.column)
    if kind in TABLES:
        return TABLES[kind](name, text, want)
    if want.column is not None and not empty:
        raise DataError(f"{name}: {kind} has no columns", f"so {want.column!r} cannot be one")
    if kind == "txt":
        spoken = [Utterance(subtitles.stem(name), " ".join(text.split()))]
        return Texts(name, kind, spoken, empty=empty)
    return READERS[kind](name, text)
