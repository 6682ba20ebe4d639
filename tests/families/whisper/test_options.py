"""Options: each changes something, and what cannot work is refused with a hint."""

from __future__ import annotations

from dataclasses import fields

import pytest

from attnasr_cli.errors import UsageError
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.whisper.decode.decoding import WindowResult
from attnasr_cli.families.whisper.decode.fallback import (
    FallbackResult,
    Guards,
    decode_with_fallback,
)
from attnasr_cli.families.whisper.decode.plan import TEMPERATURES, plan
from attnasr_cli.families.whisper.decode.segments import cut
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.families.whisper.tokenizer_file import read_vocabulary
from attnasr_cli.families.whisper.vocabulary import find_ranks
from attnasr_cli.text.repetition import compression_ratio


@pytest.fixture(scope="module")
def vocabulary(openai):
    return {size: read_vocabulary(find_ranks(size), size) for size in (51864, 51865, 51866)}


REFUSED = [
    ({"language": "klingon"}, 51865, "unknown language"),
    ({"language": "yue"}, 51865, "does not know the language 'yue'"),
    ({"language": "en"}, 51864, "English only"),
    ({"task": "translate"}, 51864, "English only"),
    ({"task": "sing"}, 51865, "unknown task"),
    ({"mode": "fast"}, 51865, "unknown mode"),
    ({"beam": 0}, 51865, "a beam of 0"),
    ({"best_of": 0}, 51865, "--best-of of 0"),
    ({"best_of": 3, "temperature": 0.0}, 51865, "--best-of without"),
    ({"patience": 0.0}, 51865, "a patience of"),
    ({"patience": 2.0, "beam": 1}, 51865, "--patience with greedy"),
    ({"length_penalty": 1.5}, 51865, "length penalty"),
    ({"temperature": "warm"}, 51865, "a temperature of"),
    ({"temperature": "0.4,0.2"}, 51865, "temperatures"),
    ({"temperature": -1.0}, 51865, "temperatures"),
    ({"no_condition_on_previous_text": True}, 51865, "batched mode"),
    ({"mode": "sequential", "timestamps": False}, 51865, "sequential mode"),
]


@pytest.mark.parametrize(("options", "vocab", "message"), REFUSED)
def test_what_cannot_work_is_refused(vocabulary, options, vocab, message):
    with pytest.raises(UsageError, match=message) as caught:
        plan(WhisperOptions(**options), vocabulary[vocab], "some")
    assert caught.value.hint


CHANGES = [
    {"language": "German"}, {"task": "translate"}, {"mode": "sequential"}, {"temperature": "0,1"},
    {"beam": 2}, {"best_of": 2}, {"patience": 2.0}, {"length_penalty": 0.5}, {"prompt": "So"},
    {"hotwords": "Attnasr"}, {"timestamps": True}, {"word_timestamps": True},
    {"compression_ratio_threshold": 2.0}, {"logprob_threshold": -0.5}, {"no_speech_threshold": 0.1},
    {"mode": "sequential", "no_condition_on_previous_text": True},
]  # fmt: skip


@pytest.mark.parametrize("options", CHANGES, ids=lambda o: next(reversed(o)))
def test_each_option_changes_the_plan(vocabulary, options):
    before = {k: v for k, v in options.items() if k == "mode" and len(options) > 1}
    plain = plan(WhisperOptions(**before), vocabulary[51865], "some")
    changed = plan(WhisperOptions(**options), vocabulary[51865], "some")
    assert changed != plain
    assert changed.settings != plain.settings  # they decide whether an output is done


def test_no_option_was_forgotten_above():
    of_phrases = {"phrases", "reject"}  # settings of the decoder, not of the plan
    assert {f.name for f in fields(WhisperOptions)} == of_phrases | {n for o in CHANGES for n in o}


def test_defaults_are_the_reference_command_lines(vocabulary):
    made = plan(WhisperOptions(), vocabulary[51865], "some")
    assert made.guards == Guards(TEMPERATURES, 2.4, -1.0, 0.6)
    assert (made.task.beams, made.task.best_of, made.task.patience) == (5, 5, 1.0)
    assert made.task.length_penalty is None
    assert made.task.language is None
    assert not made.sequential


def test_languages_have_many_names():
    assert language_code("DE") == language_code("german") == "de"
    assert language_code("Castilian") == "es"
    with pytest.raises(UsageError) as caught:
        language_code("germn")
    assert "german" in caught.value.hint


def result(logprob=-0.5, silence=0.0, ratio=1.0):
    return WindowResult([], "", logprob, silence, ratio, None)


@pytest.mark.parametrize(
    ("found", "again", "silent"),
    [
        (result(), False, False),
        (result(ratio=2.5), True, False),
        (result(logprob=-1.1), True, False),
        (result(logprob=-1.1, silence=0.7), False, True),
        (result(logprob=-1.1, silence=0.7, ratio=3.0), False, True),
        (result(logprob=-0.9, silence=0.7), False, False),
        (result(silence=0.7, ratio=2.5), True, False),
    ],
)
def test_guards_judge_as_the_reference(found, again, silent):
    assert bool(Guards().problem(found)) == again
    assert Guards().silent(found) == silent


def test_thresholds_can_be_switched_off():
    assert not Guards(compression_ratio=None, logprob=None).problem(result(-9.0, 0.0, 9.0))
    assert not Guards(no_speech=None).silent(result(-9.0, 1.0))
    assert Guards(logprob=None).silent(result(-0.1, 0.7))


def test_only_what_fails_climbs():
    asked = []

    def decode(indices, temperature):
        asked.append((list(indices), temperature))
        return [result(-2.0 if i >= 2 and temperature < 0.2 * i - 0.01 else -0.1) for i in indices]

    found = decode_with_fallback(Guards(), 4, decode)
    assert asked == [([0, 1, 2, 3], 0.0), ([2, 3], 0.2), ([2, 3], 0.4), ([3], 0.6)]
    assert [a.fallbacks for a in found] == [0, 0, 2, 3]
    assert all(isinstance(a, FallbackResult) and not a.suspect for a in found)


def test_what_fails_to_the_end_is_marked():
    (found,) = decode_with_fallback(
        Guards(temperatures=(0.0,)), 1, lambda i, t: [result(ratio=5.0)]
    )
    assert "repetitive" in found.suspect


def test_compression_ratio_is_the_references(openai):
    for text in ("", "a", "so " * 100, "Größe ist nicht alles"):
        assert compression_ratio(text) == openai.utils.compression_ratio(text)


B = 100  # the first timestamp


def times(found):
    return [time for span in found.spans for time in (span.start, span.end)]


@pytest.mark.parametrize(
    ("tokens", "spans", "advance", "rest"),
    [
        ([B, 1, 2, B + 50], [(0.0, 1.0)], 300, []),
        ([B, 1, B + 50, B + 50, 2, B + 75], [(0.0, 1.0), (1.0, 1.5)], 300, []),
        ([B, 1, B + 50, B + 60, 2], [(0.0, 1.0)], 100, [(1.2, 3.0)]),
        ([B, 1, B + 50, B + 50], [(0.0, 1.0)], 100, []),
        ([B, 1, 2], [(0.0, 3.0)], 300, []),
        ([B + 5, 1, 2], [(0.0, 0.1)], 300, []),
        ([1, 2], [(0.0, 3.0)], 300, []),
    ],
)
def test_windows_are_cut_at_pairs_of_timestamps(tokens, spans, advance, rest):
    found = cut(tokens, B, 300)
    assert times(found) == pytest.approx([t for pair in spans for t in pair])
    kept = cut(tokens, B, 300, keep_rest=True)
    assert times(kept) == pytest.approx([t for pair in spans + rest for t in pair])
    assert found.advance == advance
