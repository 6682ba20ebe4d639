"""Hypotheses that are made on the spot: a model reads the recordings of the references."""

from __future__ import annotations

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.pairing import listed
from attnasr_cli.scoring.recordings import Recordings
from attnasr_cli.scoring.texts import Texts, Utterance


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
