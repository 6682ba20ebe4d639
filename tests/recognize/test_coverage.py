"""Speech ends up in text, is decoded again where a decoder stopped early, or is named."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from attnasr_cli.audio import segment
from attnasr_cli.audio.segment import SegmentConfig, Speech
from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.recognize import pipeline
from attnasr_cli.recognize.coverage import (
    LEAST_S,
    SLACK_S,
    rests,
    sorted_by_time,
    trimmed,
    uncovered,
)
from attnasr_cli.recognize.reader import Job
from attnasr_cli.recognize.stitch import mark, stitch
from tests.audio.test_segment import Script

RATE = 16_000
SECONDS = 45


def test_what_no_text_stands_for() -> None:
    spoken = [(1.0, 5.0), (6.0, 9.0), (12.0, 20.0)]
    assert uncovered(spoken, [(1.0, 9.0), (12.1, 19.8)]) == []
    assert uncovered(spoken, [(1.0, 9.0)]) == [(12.0, 20.0)]
    assert uncovered(spoken, [(12.0, 20.0)]) == [(1.0, 9.0)]  # nothing stands between them
    assert uncovered(spoken, [(1.0, 5.0), (5.2, 5.8), (12.0, 15.0)]) == [
        (6.0 + SLACK_S - 0.2, 9.0),
        (15.0 + SLACK_S, 20.0),
    ]
    assert uncovered(spoken, [(1.0, 9.0), (12.0, 20.0 - SLACK_S - LEAST_S / 2)]) == []
    assert uncovered([], [(1.0, 2.0)]) == []


def test_the_rest_starts_where_the_text_ended_at_the_quietest_moment() -> None:
    samples = torch.ones(RATE * 10)
    samples[int(4.10 * RATE) : int(4.14 * RATE)] = 0.0
    speech = Speech(100.0, samples, ((100.0, 110.0),))
    decoded = Decoded([Piece(0.0, 4.0, " so", [], 0.0)], 0.0)
    kept, [again] = rests(speech, decoded, 0.3)
    assert kept == decoded
    rest = again.speech
    assert 104.08 <= rest.start_s <= 104.16
    assert rest.start_s + rest.duration_s == pytest.approx(110.0)
    assert rest.spoken == ((rest.start_s, 110.0),)
    silent = Decoded([], 0.0)
    assert rests(speech, silent, 0.3) == (silent, [])  # the same would come again


def test_a_pause_before_the_rest_is_not_decoded_again() -> None:
    speech = Speech(0.0, torch.ones(RATE * 20), ((0.0, 5.0), (9.0, 15.0)))
    _, [rest] = rests(speech, Decoded([Piece(0.0, 4.8, " so", [], 0.0)], 0.0), 0.3)
    assert rest.speech.start_s == pytest.approx(8.7)
    assert rest.speech.start_s + rest.speech.duration_s == pytest.approx(20.0)


def test_behind_a_jump_everything_is_decoded_again() -> None:
    speech = Speech(0.0, torch.ones(RATE * 20), ((0.0, 20.0),))
    pieces = [
        Piece(0, 4, " It was so.", [], 0.0),
        Piece(4, 5, " And he", [], 0.0),  # broken off: nonsense as likely as not
        Piece(12, 20, " came home.", [], 0.0),
    ]
    kept, [rest] = rests(speech, Decoded(pieces, 0.0), 0.3)
    assert kept.pieces == pieces[:1]
    assert rest.instead.pieces == pieces[1:]
    assert rest.speech.start_s == pytest.approx(4.0, abs=SLACK_S)


def test_a_first_sentence_that_is_broken_off_is_decoded_up_to_its_pause() -> None:
    speech = Speech(0.0, torch.ones(RATE * 20), ((0.0, 6.0), (6.5, 20.0)))
    pieces = [Piece(0, 1, " On the", [], 0.0), Piece(8, 20, " forest was dark.", [], 0.0)]
    kept, [first, second] = rests(speech, Decoded(pieces, 0.0), 0.2)
    assert kept.pieces == []
    assert first.instead.pieces == pieces[:1]
    assert first.speech.duration_s == pytest.approx(6.2)
    assert second.instead.pieces == pieces[1:]
    assert second.speech.start_s == pytest.approx(6.3)


def test_a_short_sentence_before_a_jump_is_decoded_again_from_its_pause() -> None:
    speech = Speech(0.0, torch.ones(RATE * 20), ((0.0, 6.0), (8.0, 11.0), (13.0, 20.0)))
    pieces = [
        Piece(0, 6, " They lay down.", [], 0.0),
        Piece(8, 8.5, " Bravo!", [], 0.0),  # said at 13 s
        Piece(14, 20, " An idea.", [], 0.0),
    ]
    kept, [rest] = rests(speech, Decoded(pieces, 0.0), 0.3)
    assert kept.pieces == pieces[:1]
    assert rest.instead.pieces == pieces[1:]
    assert rest.speech.start_s == pytest.approx(7.7)
    # The first words of all stay: without them the same part would be decoded again.
    later = Speech(0.0, torch.ones(RATE * 12), ((0.0, 3.0), (5.0, 12.0)))
    first = [Piece(0, 0.5, " Bravo!", [], 0.0), Piece(5, 12, " An idea.", [], 0.0)]
    kept, [rest] = rests(later, Decoded(first, 0.0), 0.3)
    assert kept.pieces == first[:1]
    assert rest.speech.start_s == pytest.approx(0.5, abs=SLACK_S)


def test_a_text_that_begins_late_has_its_beginning_decoded_alone() -> None:
    speech = Speech(0.0, torch.ones(RATE * 20), ((0.0, 20.0),))
    decoded = Decoded([Piece(5, 19.9, " and so on", [], 0.0)], 0.0)
    kept, [rest] = rests(speech, decoded, 0.2)
    assert kept == decoded
    assert rest.speech.start_s == 0.0
    assert rest.speech.duration_s == pytest.approx(5.0, abs=SLACK_S)


def test_parts_are_put_in_order_by_the_time_of_their_text() -> None:
    whole = Decoded([Piece(0, 2, " a", [], 0.0), Piece(8, 9, " d", [], 0.0)], 0.0)
    rest = Decoded([Piece(0, 1, " b", [], 0.0), Piece(2, 3, " c", [], 0.0)], 0.0, suspect="odd")
    segments = stitch(sorted_by_time([(10.0, whole), (13.0, rest)]))
    assert [s.text for s in segments] == [" a", " b", " c", " d"]
    assert [s.suspect for s in segments] == ["", "odd", "odd", ""]
    nothing = Decoded([], 0.0)
    assert sorted_by_time([(1.0, nothing), (2.0, nothing)]) == [(1.0, nothing)]


def test_the_segment_beside_speech_without_text_is_marked() -> None:
    segments = stitch([(0.0, Decoded([Piece(0, 2, " a", [], 0.0), Piece(5, 6, " b", [], 0.0)], 0))])
    marked = mark(segments, [(2.5, 4.5), (7.0, 9.0)])
    assert [s.suspect for s in marked] == [
        "no text for the speech after it, 2.5 to 4.5 s",
        "no text for the speech after it, 7.0 to 9.0 s",
    ]
    [first, _] = mark(segments[1:] * 2, [(0.0, 3.0)])
    assert first.suspect == "no text for the speech before it, 0.0 to 3.0 s"
    assert mark([], [(0.0, 3.0)]) == []


def test_times_leave_out_the_silence_around_the_words() -> None:
    words = [Word(" so", 0.0, 1.2, 0.9), Word(" be", 1.2, 3.0, 0.9)]
    decoded = Decoded(
        [Piece(0.0, 3.0, " so be", [], 0.0, words), Piece(5.0, 6.0, " it", [], 0.0)], 0
    )
    first, second = trimmed(10.0, decoded, [(10.5, 12.0)]).pieces
    assert (first.start, first.end) == (pytest.approx(0.4), pytest.approx(2.1))
    assert [(w.start, w.end) for w in first.words] == [
        (pytest.approx(0.4), pytest.approx(1.2)),
        (pytest.approx(1.2), pytest.approx(2.1)),
    ]
    assert (second.start, second.end) == (5.0, 6.0)  # no speech was detected there


class Lazy:
    """Hears a word a second, as the samples count time, and writes only some of them: it stops
    early, leaves words out, or writes nothing, as ``random`` says."""

    max_segment_s = 30.0
    min_cost_s = 0.0

    def __init__(self, spoken: Sequence[tuple[float, float]], random: Random) -> None:
        self.spoken, self.random, self.calls = spoken, random, 0

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        self.calls += len(segments)
        return [self._one(s) for s in segments]

    def _one(self, samples: Tensor) -> Decoded:
        start = float(samples[0]) * 1e6 / RATE
        end = start + samples.shape[0] / RATE
        outcome = [
            t
            for t in range(SECONDS)
            if start <= t + 0.5 < end and any(a <= t and t + 1 <= b for a, b in self.spoken)
        ]
        stop = self.random.choice([0, 1, 2, 5, 30, 30])
        written = [t for t in outcome[:stop] if self.random.random() < 0.9]
        return Decoded([Piece(t - start, t + 1 - start, f" {t}", [], -0.1) for t in written], -0.1)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_word_is_written_once_or_named(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, SECONDS), min_size=2, max_size=8)))
    spoken = [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    path = tmp_path_factory.getbasetemp() / "ramp.wav"
    if not path.exists():
        ramp = (np.arange(SECONDS * RATE) / 1e6).astype(np.float32)
        soundfile.write(path, ramp, RATE, subtype="FLOAT")
    monkeypatch.setattr(segment, "VoiceDetector", lambda: Script(*spoken))
    decoder = Lazy(spoken, Random(data.draw(st.integers(0, 10_000))))
    [result] = pipeline.run([Job(path)], [decoder], SegmentConfig(), 60.0, 1)
    assert result.error is None
    said = [int(s.text) for s in stitch(result.parts)]
    assert said == sorted(set(said))  # in order, nothing twice
    words = [t for t in range(SECONDS) if any(a <= t and t + 1 <= b for a, b in spoken)]
    assert set(said) <= set(words)
    for t in set(words) - set(said):  # missing: named, or shorter than what counts
        neighbours = [s for s in (t - 1, t + 1) if s in said or s not in words]
        short = len(neighbours) == 2
        assert short or any(a < t + 1 and b > t for a, b in result.uncovered)
    if set(words) == set(said):
        assert result.uncovered == []
