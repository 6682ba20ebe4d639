"""The same published weights in four forms give the same text and the same times of words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attnasr_cli.families.whisper.checkpoint import load_whisper, save_hf
from attnasr_cli.recognize.recognizer import Recognizer
from tests.families.whisper.ggml_writer import write_file
from tests.real_weights import real_whisper

SPEECH = Path(__file__).parents[3].parent / "shared" / "speech"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SPEECH.is_dir(), reason="the clips are not beside the clone"),
]


def test_four_forms_of_the_same_weights_give_the_same_text(tmp_path):
    """A folder of CTranslate2 as it is published, and what is written from it."""
    published = real_whisper("tiny.en")
    model = load_whisper(published)
    save_hf(tmp_path / "folder", model.net, model.tokenizer)
    config = model.net.config
    dims = {
        "n_mels": config.mels, "n_vocab": config.vocab,
        "n_audio_ctx": config.audio_context, "n_audio_state": config.width,
        "n_audio_head": config.audio_heads, "n_audio_layer": config.audio_layers,
        "n_text_ctx": config.text_context, "n_text_state": config.width,
        "n_text_head": config.text_heads, "n_text_layer": config.text_layers,
    }  # fmt: skip
    state = {name: weight.half() for name, weight in model.net.state_dict().items()}
    torch.save({"dims": dims, "model_state_dict": state}, tmp_path / "tiny.en.pt")
    write_file(tmp_path / "ggml-tiny.en.bin", model, "f16")

    clips = sorted(SPEECH.glob("*.flac"))[:2]
    heard = {}
    for path in (published, *(tmp_path / n for n in ("folder", "tiny.en.pt", "ggml-tiny.en.bin"))):
        vocabulary = published / "tokenizer.json" if path.suffix == ".pt" else None
        recognizer = Recognizer.from_model(
            load_whisper(path, vocabulary), "cpu", "float32", word_timestamps=True
        )
        found = list(recognizer.transcribe(clips, beam=1))
        words = [(w.word, w.start, w.end) for t in found for s in t.segments for w in s.words]
        heard[path.name] = [transcript.text for transcript in found], words
    texts, words = heard[published.name]
    assert all(len(text.split()) > 3 for text in texts)
    assert len(words) == sum(len(text.split()) for text in texts)
    assert all(other == (texts, words) for other in heard.values()), heard
