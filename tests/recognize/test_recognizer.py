"""From recordings to transcripts: the same text alone, in a batch, and by any number of threads."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

import attnasr_cli
from attnasr_cli.audio.load import load as load_audio
from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.errors import AttnasrError, AudioError, UsageError
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.families.batching import pack
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.jobs import Job, Skip
from attnasr_cli.recognize.reader import Budget
from attnasr_cli.recognize.recognizer import Recognizer, load
from attnasr_cli.recognize.stitch import stitch
from tests.conftest import make_model
from tests.recognize.checks import Before

CPU = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def recognizer(tiny_model: Path) -> Recognizer:
    return load(tiny_model, **CPU, beam=2, word_timestamps=True)


@pytest.fixture(scope="module")
def recordings(
    tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]
) -> list[Path]:
    folder = tmp_path_factory.mktemp("speech")
    return [speech_file(folder / f"{i}.flac", 0.8 + 0.4 * i, i) for i in range(4)]


class Echo:
    """A decoder that says how long each segment is, and may fail."""

    max_segment_s = 20.0

    def __init__(self, fail: Callable[[Sequence[Tensor]], None] | None = None) -> None:
        self.fail = fail
        self.batches: list[int] = []

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        self.batches.append(len(segments))
        time.sleep(0.002)
        if self.fail:
            self.fail(segments)
        return [
            Decoded([Piece(0.0, s.shape[0] / 16_000, f"{s.shape[0]}", [], -0.5)], -0.5)
            for s in segments
        ]


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


def test_a_segment_that_fails_fails_its_file_only(recordings: list[Path]) -> None:
    sizes = [load_audio(p).shape[0] for p in recordings]

    def fail(segments: Sequence[Tensor]) -> None:
        if any(s.shape[0] == sizes[2] for s in segments):
            raise RuntimeError("out of memory\nstack")

    cut = SegmentConfig(max_s=20, vad=False)
    jobs = [Job(p) for p in recordings]
    results = list(pipeline.run(jobs, [Echo(fail)], cut, 60.0, 2))
    assert [r.error is not None for r in results] == [False, False, True, False]
    assert "out of memory" in str(results[2].error)
    assert "--batch" in results[2].error.hint  # type: ignore[union-attr]


def test_several_devices_share_the_work(recordings: list[Path]) -> None:
    cut = SegmentConfig(max_s=20, vad=False)
    decoders = [Echo(), Echo()]
    jobs = [Job(p) for p in recordings * 10]
    results = list(pipeline.run(jobs, decoders, cut, 5.0, 4))
    assert [r.job for r in results] == jobs
    assert all(decoder.batches for decoder in decoders)
    texts = [[d.pieces[0].text for _, d in r.parts] for r in results]
    assert texts[:4] * 10 == texts


def test_batches_are_the_same_whatever_the_threads_do(recordings: list[Path]) -> None:
    cut = SegmentConfig(max_s=20, vad=False)
    made = []
    for threads in (1, 3):
        echo = Echo()
        list(pipeline.run([Job(p) for p in recordings * 6], [echo], cut, 8.0, threads))
        made.append(echo.batches)
    assert made[0] == made[1]
    assert max(made[0]) > 1


def test_waiting_work_is_flushed_when_no_more_is_there_yet(recordings: list[Path]) -> None:
    cut = SegmentConfig(max_s=20, vad=False)
    seen: list[str] = []

    def jobs() -> Iterator[Job | None]:
        yield Job(recordings[0])
        while not seen:  # would never end if the first waited for a full pool
            yield None
        yield Job(recordings[1])

    for result in pipeline.run(jobs(), [Echo()], cut, 1e6, 1):
        seen.append(str(result.job.path))
    assert seen == [str(recordings[0]), str(recordings[1])]


def test_no_more_audio_waits_than_the_budget_allows() -> None:
    """A long recording that is read faster than it is decoded is held back, too."""
    import threading

    budget = Budget(10.0)
    passed: list[tuple[int, float]] = []

    def take(number: int) -> None:
        with contextlib.suppress(Skip):
            for _ in range(100):
                budget.take(number, 3.0)
                passed.append((number, 3.0))

    threads = [threading.Thread(target=take, args=(n,)) for n in (0, 1, 2)]
    for thread in threads:
        thread.start()

    def wait_for_first(seconds: float) -> None:
        deadline = time.monotonic() + 20.0
        while sum(s for n, s in passed if n == 0) < seconds:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    wait_for_first(9.0)  # it is its turn: the limit for itself
    time.sleep(0.02)
    for i in range(20):
        assert sum(s for n, s in passed if n == 0) == 9.0 + 3.0 * i
        assert sum(s for n, s in passed if n > 0) <= 10.0
        budget.give(0, 3.0)
        wait_for_first(12.0 + 3.0 * i)
    budget.stop()
    for thread in threads:
        thread.join(5.0)
        assert not thread.is_alive()


def test_leaving_early_ends_the_threads(recordings: list[Path]) -> None:
    import threading

    before = threading.active_count()
    cut = SegmentConfig(max_s=2, vad=False)
    results = pipeline.run([Job(p) for p in recordings * 100], [Echo()], cut, 2.0, 3)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_packing() -> None:
    durations = [1.0, 5.0, 2.0, 5.0, 30.0, 1.0]
    batches = pack(durations, 10.0)
    assert batches == [[4], [1, 3], [2, 0, 5]]
    assert pack([], 10.0) == []


def test_stitching_never_runs_backwards() -> None:
    def heard(start: float, end: float, text: str) -> Decoded:
        return Decoded([Piece(start, end, text, [], -0.1)], -0.1)

    parts = [(0.0, heard(0, 5.5, " one")), (5.0, heard(0, 3, "two")), (9.0, heard(0, 1, " "))]
    first, second = stitch(parts, offset_s=100.0)
    assert (first.start, first.end) == (100.0, 105.5)
    assert (second.start, second.end) == (105.5, 108.0)
    assert first.text + second.text == " one two"


def test_an_error_of_a_job_hook_fails_that_job(recordings: list[Path]) -> None:
    def refuse() -> None:
        raise AttnasrError("no", "never")

    jobs = [Job(recordings[0]), Job(recordings[1], check=Before(refuse))]
    results = list(pipeline.run(jobs, [Echo()], SegmentConfig(vad=False), 60.0, 2))
    assert results[0].error is None
    assert str(results[1].error) == "no"


def test_threads_of_torch_are_left_alone(recognizer: Recognizer, recordings: list[Path]) -> None:
    before = torch.get_num_threads()
    list(recognizer.transcribe(recordings))
    assert torch.get_num_threads() == before
