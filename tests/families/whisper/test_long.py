"""Long recordings: sequential mode is ``whisper.transcribe``; batched mode keeps the guards."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from attnasr_cli.device import Placement
from attnasr_cli.families.whisper.decode.batched import BatchedDecoder
from attnasr_cli.families.whisper.decode.decoding import DecodingTask
from attnasr_cli.families.whisper.decode.sequential import transcribe
from attnasr_cli.families.whisper.features import MelRecorder
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.recognize.stitch import stitch
from tests.families.whisper.conftest import ENGLISH, SMALL, noise

CPU = Placement(torch.device("cpu"), "float32", "test")
TOKENS = 16


def decoder(model, **options):
    """A decoder that writes few tokens a window, to be quick."""
    made = BatchedDecoder(model, CPU, WhisperOptions(**options))
    task = replace(made.plan.task, max_tokens=TOKENS)
    made.plan = replace(made.plan, task=task)
    made.task = DecodingTask(made.net, made.tokenizer, task)
    return made


def heard(samples):
    recorder = MelRecorder(80)
    for block in samples.split(160_000):
        recorder.push(block)
    recorder.finish()
    return recorder


RECORDINGS = {
    "words": (70.0, {"word_timestamps": True}, {"word_timestamps": True}),
    "prompt": (
        65.0,
        {"initial_prompt": "A talk", "beam_size": 2, "best_of": 2},
        {"prompt": "A talk", "beam": 2, "best_of": 2},
    ),
    "no condition": (
        40.5,
        {"condition_on_previous_text": False, "language": "de", "no_speech_threshold": 1e-9},
        {"no_condition_on_previous_text": True, "language": "de", "no_speech_threshold": 1e-9},
    ),
}


@pytest.mark.parametrize(("seconds", "theirs", "mine"), RECORDINGS.values(), ids=RECORDINGS.keys())
def test_sequential_is_the_reference_segment_by_segment(openai, pair, seconds, theirs, mine):
    reference, model = pair(SMALL)
    samples = noise(11, seconds)
    ladder, threshold = (0.0, 0.4, 0.8), -3.6  # some windows pass, some fall back
    torch.manual_seed(5)
    wanted = openai.transcribe(
        reference, samples, fp16=False, sample_len=TOKENS, temperature=ladder,
        logprob_threshold=threshold, **({"best_of": 1} | theirs),
    )  # fmt: skip
    made = decoder(
        model, mode="sequential", temperature=ladder, logprob_threshold=threshold,
        **({"beam": 1, "best_of": 1} | mine),
    )  # fmt: skip
    generator = torch.default_generator.manual_seed(5)
    parts = list(transcribe(made, heard(samples), generator))
    pieces = [(start, what, piece) for start, what in parts for piece in what.pieces]
    segments = [s for s in wanted["segments"] if s["text"]]
    assert segments
    assert [p.tokens for _, _, p in pieces] == [s["tokens"] for s in segments]
    for (start, what, piece), segment in zip(pieces, segments, strict=True):
        assert piece.text == segment["text"]
        limit = min(start + 30.0, seconds)  # the reference may run past the recording
        assert start + piece.start == pytest.approx(min(segment["start"], limit), abs=0.011)
        assert start + piece.end == pytest.approx(min(segment["end"], limit), abs=0.011)
        assert what.temperature == segment["temperature"]
        assert piece.avg_logprob == pytest.approx(segment["avg_logprob"], abs=1e-3)
        assert what.compression_ratio == pytest.approx(segment["compression_ratio"])
        assert what.no_speech_prob == pytest.approx(segment["no_speech_prob"], abs=1e-4)
        if mine.get("word_timestamps"):
            assert [w.word for w in piece.words] == [w["word"] for w in segment["words"]]
            for word, other in zip(piece.words, segment["words"], strict=True):
                assert start + word.start == pytest.approx(min(other["start"], limit), abs=0.02)
                assert word.probability == pytest.approx(other["probability"], abs=1e-3)
    assert {what.language for _, what in parts} == {wanted["language"]}
    text = "".join(s.text for s in stitch(parts))
    assert text.split() == " ".join(s["text"] for s in segments).split()


def test_only_failing_windows_are_decoded_again(pair, monkeypatch):
    _, model = pair(SMALL)
    options = {"beam": 1, "language": "en", "timestamps": True}
    made = decoder(model, best_of=1, temperature=(0.0, 0.5), **options)
    segments = [noise(i, 3.0 + i) for i in range(4)]
    first = decoder(model, temperature=0.0, logprob_threshold=-99.0, **options)
    likely = sorted(what.avg_logprob for what in first.decode(segments))
    threshold = (likely[1] + likely[2]) / 2
    made.plan = replace(made.plan, guards=replace(made.plan.guards, logprob=threshold))
    calls = []
    decode = DecodingTask.decode

    def spy(self, memory, starts, temperature, *rest):
        calls.append((temperature, memory.frames.shape[0]))
        return decode(self, memory, starts, temperature, *rest)

    monkeypatch.setattr(DecodingTask, "decode", spy)
    together = made.decode(segments)
    windows = {t: sum(n for other, n in calls if other == t) for t in (0.0, 0.5)}
    assert windows == {0.0: 4, 0.5: 2}  # on however many threads
    assert sorted(what.fallbacks for what in together) == [0, 0, 1, 1]
    for i in range(4):  # and alone the same as together, sampling included
        alone = made.decode(segments[i : i + 1])[0]
        assert [p.tokens for p in alone.pieces] == [p.tokens for p in together[i].pieces]
        assert alone.temperature == together[i].temperature


def test_what_still_fails_is_suspect(pair):
    _, model = pair(SMALL)
    made = decoder(model, beam=1, best_of=1, temperature=(0.0, 0.5), logprob_threshold=-0.01)
    (what,) = made.decode([noise(1, 5.0)])
    assert what.fallbacks == 1
    assert not what.pieces or "improbable" in what.suspect


def test_silence_gives_no_text(pair):
    _, model = pair(SMALL)
    made = decoder(model, beam=1, no_speech_threshold=1e-12, logprob_threshold=-0.01)
    (what,) = made.decode([noise(1, 5.0)])
    assert what.pieces == []
    assert what.temperature == 0.0  # silence is no reason to try again
    assert what.no_speech_prob > 0


def test_words_in_batched_mode(pair):
    _, model = pair(SMALL)
    made = decoder(model, beam=1, temperature=0.0, word_timestamps=True, language="en")
    for what in made.decode([noise(1, 20.0), noise(2, 9.0)]):
        for piece in what.pieces:
            assert "".join(w.word for w in piece.words).split() == piece.text.split()
            assert all(0 <= w.start <= w.end for w in piece.words)


def test_hotwords_and_prompt_change_the_text(pair):
    _, model = pair(SMALL)
    plain = {"beam": 1, "temperature": 0.0, "language": "en"}
    texts = [
        decoder(model, **plain, **more).decode([noise(3, 9.0)])[0].pieces[0].tokens
        for more in ({}, {"hotwords": "Attnasr"}, {"prompt": "So it was said."})
    ]
    assert len(set(map(tuple, texts))) == 3


def test_english_only(pair):
    _, model = pair(ENGLISH)
    (what,) = decoder(model, beam=1, temperature=0.0).decode([noise(4, 6.0)])
    assert what.language is None
    assert what.pieces
