"""Lhotse's cuts: JSON lines, each a part of a recording with what is said in it
(https://lhotse.readthedocs.io/en/latest/cuts.html)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attnasr_cli.data import decode, read_jsonl
from attnasr_cli.errors import DataError
from attnasr_cli.training.formats.utterance import Utterance


def is_cuts(path: Path) -> bool:
    """Whether a JSONL file, gzipped or not, holds cuts: its first line says so."""
    try:
        with _open(path) as file:
            first = file.readline(1 << 20)
    except (OSError, EOFError):
        return False
    return b'"supervisions"' in first and b'"recording"' in first


def cuts(path: Path) -> Iterator[Utterance]:
    """One utterance for each supervision of each cut. Raises DataError with the line."""
    try:
        with _open(path) as file:
            content = file.read()
    except (OSError, EOFError) as problem:
        raise DataError(f"cannot read {path}: {problem}", "check the file") from None
    for row in read_jsonl(str(path), decode(content, str(path))):
        where = f"{path}:{row.line} (of lhotse cuts)"
        try:
            yield from _utterances(row.values, path.parent, where)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as problem:
            raise DataError(
                f"{where}: not a cut with a recording and supervisions: {problem!r}",
                "MonoCut and its recording in a file are read; MixedCut is not",
            ) from None


def _utterances(cut: Mapping[str, Any], folder: Path, where: str) -> Iterator[Utterance]:
    if cut.get("type", "MonoCut") != "MonoCut":
        raise DataError(f"{where}: a {cut['type']}", "MonoCut is read")
    sources = cut["recording"]["sources"]
    if len(sources) != 1 or sources[0]["type"] != "file":
        kind = sources[0]["type"] if sources else "no"
        raise DataError(f"{where}: a recording of {kind} source", "one file a recording is read")
    audio = Path(sources[0]["source"])
    if not audio.exists() and (folder / audio).exists():
        audio = folder / audio
    supervisions = cut["supervisions"]
    for supervision in supervisions:
        start = float(cut["start"]) + float(supervision["start"])
        end = start + float(supervision["duration"])
        name = str(supervision["id"] if len(supervisions) > 1 else cut["id"])
        whole = start == 0 and abs(end - float(cut["recording"]["duration"])) < 0.01
        yield Utterance(
            name,
            audio,
            str(supervision.get("text") or "").strip(),
            None if whole else start,
            None if whole else end,
            str(supervision.get("speaker") or ""),
        )


def _open(path: Path) -> Any:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
