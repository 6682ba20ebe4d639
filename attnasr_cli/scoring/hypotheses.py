"""``--model``: find the recordings of the references and transcribe them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnasr_cli.data import AUDIO_ENDINGS
from attnasr_cli.errors import DataError, ModelError
from attnasr_cli.scoring.pairing import listed
from attnasr_cli.scoring.types import Texts, Utterance
from attnasr_cli.text.normalize import composed

MARKS = frozenset(".,?!")


class Recordings:
    """Finds the recording of an utterance: at its path, or beside the references by its id.

    Every folder is listed only once. Names are compared in composed Unicode form (NFC), as file
    names from a Mac are decomposed.
    """

    def __init__(self, reference: str) -> None:
        folder = reference if os.path.isdir(reference) else os.path.dirname(reference)
        # paths are relative to the references' folder, then to the current one
        self.starts = list(dict.fromkeys((folder, "")))
        self.known: dict[str, dict[str, str]] = {}

    def find(self, name: str, columns: Mapping[str, str]) -> Path | None:
        """The file of an utterance with this id and these columns, or None."""
        given = columns.get("path") or columns.get("file") or name
        above, last = os.path.split(given)
        last = composed(last)
        for start in self.starts:
            folder = os.path.join(start, above)
            there = self._list(folder)
            if "." in last and last in there:
                return Path(folder, there[last])
            for ending in AUDIO_ENDINGS:
                if last + ending in there:
                    return Path(folder, there[last + ending])
        return None

    def _list(self, folder: str) -> dict[str, str]:
        """The file names in a folder by their composed form."""
        if folder not in self.known:
            try:
                self.known[folder] = {composed(name): name for name in os.listdir(folder or ".")}
            except OSError:
                self.known[folder] = {}
        return self.known[folder]


def transcribe(
    ref: Texts,
    model: str,
    cluster: str | None = None,
    workers: int | None = None,
    **options: Any,
) -> Texts:
    """Transcribe the recording of every reference, in their order, perhaps on a cluster; options:
    of the recogniser."""
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
    paths = [str(path) for path in found]
    if not _has_marks(ref) and _adds_marks(model):
        options["punctuation"] = False
    if cluster is None:
        from attnasr_cli.recognize.recognizer import load

        texts = [transcript.text for transcript in load(model, **options).transcribe(paths)]
    else:
        from attnasr_cli.cluster.recognizer import ClusterRecognizer

        where = {name: options.pop(name) for name in ("device", "dtype") if name in options}
        with ClusterRecognizer(
            cluster, model, workers=workers, options=options, **where
        ) as recognizer:
            texts = [transcript.text for transcript in recognizer.transcribe(paths)]
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


def _adds_marks(model: str) -> bool:
    """Whether punctuation comes from a sentence net of the model and not from the model itself."""
    from attnasr_cli.checkpoint.folder import read_header
    from attnasr_cli.families.models import find

    try:
        path = find(model)
        return (path / "model.toml").is_file() and read_header(path).sentences is not None
    except ModelError:  # who loads it will say what is wrong
        return False


def _has_marks(ref: Texts) -> bool:
    """Whether the references have punctuation; if not, hypotheses are written without it, too."""
    return any(word[-1:] in MARKS for one in ref.utterances for word in one.text.split())
