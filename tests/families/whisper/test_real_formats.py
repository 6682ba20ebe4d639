"""The same published weights in four forms give the same text.

They are not part of the project: ``WHISPER_WEIGHTS`` is a folder with ``whisper-tiny.en`` (of
transformers), ``tiny.en.pt`` and ``ct2-tiny.en``; ``SPEECH_CLIPS`` a folder of English recordings.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnasr_cli.families.whisper.checkpoint import load_whisper
from attnasr_cli.recognize.recognizer import Recognizer
from tests.families.whisper.ggml_writer import write_file

FORMS = ("whisper-tiny.en", "tiny.en.pt", "ct2-tiny.en")


@pytest.fixture(scope="module")
def weights() -> Path:
    folder = Path(os.environ.get("WHISPER_WEIGHTS", "no such folder"))
    if not all((folder / name).exists() for name in FORMS):
        pytest.skip(f"needs WHISPER_WEIGHTS, a folder with {', '.join(FORMS)}")
    return folder


@pytest.fixture(scope="module")
def clips() -> list[Path]:
    found = sorted(Path(os.environ.get("SPEECH_CLIPS", "no such folder")).glob("*.flac"))[:2]
    if len(found) < 2:
        pytest.skip("needs SPEECH_CLIPS, a folder with two recordings in FLAC")
    return found


def test_four_forms_of_the_same_weights_give_the_same_text(weights, clips, tmp_path):
    """Times of words too: they need the heads that follow the audio."""
    vocabulary = weights / "ct2-tiny.en" / "tokenizer.json"
    ggml = write_file(tmp_path / "ggml-tiny.en.bin", load_whisper(weights / FORMS[0]), "f16")
    texts = {}
    for path in [*(weights / name for name in FORMS), ggml]:
        model = load_whisper(path, vocabulary if path.suffix == ".pt" else None)
        recognizer = Recognizer.from_model(model, "cpu", "float32", word_timestamps=True)
        heard = list(recognizer.transcribe(clips, beam=1))
        words = [(w.word, w.start, w.end) for t in heard for s in t.segments for w in s.words]
        texts[path.name] = [transcript.text for transcript in heard], words
    first = texts[FORMS[0]]
    assert all(len(text.split()) > 3 for text in first[0])
    assert len(first[1]) == sum(len(text.split()) for text in first[0])
    assert all(found == first for found in texts.values()), texts
