"""Hypotheses that are made on the spot: a model reads the recordings of the references."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.pairing import listed
from attnasr_cli.scoring.types import Texts, Utterance

ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")


class Recordings:
    """Finds recordings; every folder is listed once, however many utterances are in it."""

    def __init__(self, reference: str) -> None:
        folder = reference if os.path.isdir(reference) else os.path.dirname(reference)
        # paths are meant from the references' folder, then from here
        self.starts = list(dict.fromkeys((folder, "")))
        self.known: dict[str, set[str]] = {}

    def find(self, name: str, columns: Mapping[str, str]) -> Path | None:
        """The file, or None."""
        given = columns.get("path") or columns.get("file") or name
        above, last = os.path.split(given)
        for start in self.starts:
            folder = os.path.join(start, above)
            there = self._list(folder)
            if "." in last and last in there:
                return Path(folder, last)
            for ending in ENDINGS:
                if last + ending in there:
                    return Path(folder, last + ending)
        return None

    def _list(self, folder: str) -> set[str]:
        if folder not in self.known:
            try:
                self.known[folder] = set(os.listdir(folder or "."))
            except OSError:
                self.known[folder] = set()
        return self.known[folder]


def transcribe(ref: Texts, model: str) -> Texts:
    """Transcribe the recording of every reference, in their order."""
    if ref.kind in ("stm", "ctm"):
        raise DataError(
            f"{ref.path}: {ref.kind} references are scored by time",
            "transcribe first: attnasr transcribe --format ctm, then score that file",
        )
    finder = Recordings(ref.path)
    found = [finder.find(one.id, one.columns) for one in ref.utterances]
    lost = [one.id for one, path in zip(ref.utterances, found, strict=True) if path is None]
    if lost:
        raise DataError(
            f"{ref.path}: no recording for {len(lost)} of {len(found)} references: {listed(lost)}",
            "give a column path, or put the recordings beside the references",
        )
    from attnasr_cli.recognize.recognizer import load

    paths = [str(path) for path in found]
    texts = [transcript.text for transcript in load(model).transcribe(paths)]
    if len(texts) != len(paths):
        raise DataError(
            f"{model} gave {len(texts)} transcripts for {len(paths)} recordings",
            "run attnasr transcribe on them to see which fail",
        )
    heard = [
        Utterance(one.id, text, columns=dict(one.columns))
        for one, text in zip(ref.utterances, texts, strict=True)
    ]
    return Texts(f"model {model}", "transcribed", heard)
