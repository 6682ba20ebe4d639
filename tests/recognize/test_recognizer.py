"""From recordings to transcripts: the same text alone, in a batch, and by any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import attnasr_cli
from attnasr_cli.audio.load import load as load_audio
from attnasr_cli.errors import AudioError, UsageError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize.recognizer import Recognizer, load
from attnasr_cli.recognize.stitch import stitch
from tests.conftest import make_model
from tests.recognize.conftest import CPU


def test_transcripts_come_in_order_and_alone_is_in_a_batch(
    recognizer: Recognizer, recordings: list[Path]
) -> None:
    together = list(recognizer.transcribe(recordings))
    assert [t.file for t in together] == [str(p) for p in recordings]
    assert all(t.segments and t.text for t in together)
    for path, transcript in zip(recordings, together, strict=True):
        [alone] = recognizer.transcribe(path)
        assert alone.text == transcript.text
        for a, b in zip(alone.segments, transcript.segments, strict=True):
            assert (a.start, a.end, a.tokens) == (b.start, b.end, b.tokens)
            assert a.avg_logprob == pytest.approx(b.avg_logprob, abs=1e-4)


def test_the_public_names(tiny_model: Path, recordings: list[Path]) -> None:
    transcripts = attnasr_cli.load(tiny_model, **CPU).transcribe([recordings[0]])
    assert isinstance(transcripts, Iterator)
    transcript = next(transcripts)
    assert isinstance(transcript, attnasr_cli.Transcript)
    assert transcript.duration == pytest.approx(0.8, abs=0.01)
    assert transcript.device == "cpu"


def test_json_has_the_keys_of_openai_whisper(
    recognizer: Recognizer, recordings: list[Path]
) -> None:
    [transcript] = recognizer.transcribe(recordings[0])
    table = transcript.to_json()
    assert {"text", "segments", "language"} <= set(table)
    theirs = {"id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob"}
    theirs |= {"compression_ratio", "no_speech_prob", "words"}
    for segment in table["segments"]:
        assert theirs <= set(segment)
        assert segment["text"].startswith(" ")
        joined = "".join(w["word"] for w in segment["words"])
        assert joined == segment["text"]
        for word in segment["words"]:
            assert segment["start"] <= word["start"] <= word["end"] <= segment["end"]
            assert 0.0 <= word["probability"] <= 1.0
    assert table["options"]["beam"] == 2
    assert table["language"] == "en"
    assert table["version"] == attnasr_cli.__version__


def test_texts_of_samples(recognizer: Recognizer, recordings: list[Path]) -> None:
    samples = [load_audio(p) for p in recordings]
    together = recognizer.texts(samples)
    assert together == [recognizer.texts([s])[0] for s in samples]
    assert recognizer.texts([]) == []


def test_a_bad_file_raises_or_is_reported(recognizer: Recognizer, recordings: list[Path]) -> None:
    paths = [recordings[0], Path("nowhere.wav"), recordings[1]]
    transcripts = recognizer.transcribe(paths)
    assert next(transcripts).file == str(recordings[0])
    with pytest.raises(AudioError, match="no file"):
        next(transcripts)
    failed: list[object] = []
    good = list(recognizer.transcribe(paths, on_error=lambda path, problem: failed.append(path)))
    assert len(good) == 2
    assert failed == [Path("nowhere.wav")]


def test_channels_and_parts(recognizer: Recognizer, tmp_path: Path, recordings: list[Path]) -> None:
    speech = load_audio(recordings[3]).numpy()
    silent = np.zeros_like(speech)
    soundfile.write(tmp_path / "call.wav", np.stack([speech, silent], 1), 16_000)
    [left] = recognizer.transcribe(tmp_path / "call.wav", channel=1)
    [right] = recognizer.transcribe(tmp_path / "call.wav", channel=2)
    assert left.text
    assert right.text == ""
    assert right.segments == []
    [part] = recognizer.transcribe(recordings[3], start=0.5, end=1.5)
    assert part.duration == pytest.approx(1.0)
    assert all(0.5 <= s.start <= s.end <= 1.5 for s in part.segments)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_a_minute_without_speech_is_empty(
    recognizer: Recognizer, tmp_path: Path, kind: str
) -> None:
    t = np.arange(60 * 16_000) / 16_000
    samples = {
        "silence": np.zeros_like(t),
        "noise": 0.2 * np.random.default_rng(0).standard_normal(t.size),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * t),
    }[kind]
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    [transcript] = recognizer.transcribe(tmp_path / "a.wav")
    assert transcript.text == ""
    assert transcript.duration == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "en"}, "cannot use --language"),
        ({"beems": 2}, "cannot use --beems"),
        ({"lm_weight": 0.5}, "no language model"),
        ({"neural_weight": 0.5}, "no neural language model"),
        ({"nbest": 3, "beam": 2}, "3 alternatives from a beam of 2"),
        ({"beam": 0}, "a beam of 0"),
        ({"ctc_weight": 2.0}, "a CTC weight of 2.0"),
        ({"batch": 0.0}, "a batch of 0.0"),
        ({"jobs": 0}, "0 jobs"),
        ({"max_segment": 999.0}, "segments of 999.0 s"),
        ({"dtype": "int8"}, "int8"),
        ({"dtype": "float16"}, "float16 is not for CPUs"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"device": "cpu,cpu"}, "twice"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    tiny_model: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load(tiny_model, **(CPU | options))


def test_options_change_something(tiny_model: Path, recordings: list[Path], tmp_path: Path) -> None:
    speech = load_audio(recordings[1]).numpy()
    quiet = np.zeros(4 * 16_000, np.float32)
    soundfile.write(tmp_path / "quiet.wav", np.concatenate([quiet, speech, quiet]), 16_000)
    paths = [*recordings, tmp_path / "quiet.wav"]

    def told(**options: object) -> list[tuple[str, float, int]]:
        found = load(tiny_model, **(CPU | options)).transcribe(paths)
        return [
            (s.text, round(s.avg_logprob, 3), len(s.extra.get("alternatives", [])))
            for t in found
            for s in t.segments
        ]

    plain = told(beam=2)
    assert told(beam=1) != plain
    assert told(beam=2, ctc_weight=0.0) != plain
    assert told(beam=2, length_penalty=3.0) != plain
    assert told(beam=2, nbest=2) != plain
    assert told(beam=2, vad=False) != plain
    assert told(beam=2, max_segment=1.2) != plain
    assert told(beam=2, vad_threshold=0.9) != plain
    assert told(beam=2, batch=5.0, jobs=1) == plain


def test_patience_reaches_the_search(tiny_model: Path) -> None:
    """A random net hardly ever ends a hypothesis: the search has its own test of what this does."""
    [decoder] = load(tiny_model, **CPU, patience=4.0).decoders
    assert decoder.search.patience == 4.0  # type: ignore[attr-defined]


def test_a_net_without_ctc_aligns_by_attention(tmp_path: Path, recordings: list[Path]) -> None:
    for net in ("las", "transformer"):
        path = make_model(tmp_path / net, net, ctc=False)
        recognizer = load(path, **CPU, beam=1, word_timestamps=True)
        [transcript] = recognizer.transcribe(recordings[2])
        assert [w.word for w in transcript.words] == [f" {w}" for w in transcript.text.split()]
        starts = [w.start for w in transcript.words]
        assert starts == sorted(starts)
        with pytest.raises(UsageError, match="no CTC head"):
            load(path, **CPU, ctc_weight=0.3)


def test_stitching_never_runs_backwards() -> None:
    def outcome(start: float, end: float, text: str) -> Decoded:
        return Decoded([Piece(start, end, text, [], -0.1)], -0.1)

    parts = [(0.0, outcome(0, 5.5, " one")), (5.0, outcome(0, 3, "two")), (9.0, outcome(0, 1, " "))]
    first, second = stitch(parts, offset_s=100.0)
    assert (first.start, first.end) == (100.0, 105.5)
    assert (second.start, second.end) == (105.5, 108.0)
    assert first.text + second.text == " one two"
