"""Word times are those of openai-whisper's ``timing``."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from attnasr_cli.families.whisper.decode.timing import Span, TimedWord, _end_at, align, median
from attnasr_cli.families.whisper.decode.word_timestamps import place_words, sentences
from attnasr_cli.families.whisper.features import WhisperMel
from attnasr_cli.search.alignment import dtw
from tests.families.whisper.conftest import SMALL, noise

TEXTS = [
    (' Hello, world! This (really) is "it", isn\'t it?', "en"),
    (" 你好，世界。这是测试", "zh"),
    (" Größe ist — übrigens – nicht alles…", "de"),
    (" 😀 ok", "en"),
]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (30, 400), (224, 1500)])
def test_warping_is_the_references(openai, shape):
    rng = np.random.default_rng(3)
    cost = rng.normal(size=shape)
    for matrix in (cost, cost.round()):  # rounded: many ties
        wanted = openai.timing.dtw_cpu(matrix)
        found = dtw(matrix)
        assert np.array_equal(found[0], wanted[0])
        assert np.array_equal(found[1], wanted[1])


def test_the_median_of_seven_is_that_of_sorting():
    """Every order of seven values, and ties."""
    values = torch.tensor(list(itertools.product((0.0, 1.0), repeat=7)))  # enough for a network
    mixed = torch.randn(50, 7, generator=torch.Generator().manual_seed(2))
    for x in (values, mixed, mixed.round()):
        found = median(x[None], 7)[0, :, 3]  # in the middle all seven are seen
        assert torch.equal(found, x.sort(-1)[0][:, 3])


@pytest.mark.parametrize("length", [2, 3, 4, 100])
def test_median_is_the_references(openai, length):
    x = torch.randn(3, 5, length)
    torch.testing.assert_close(median(x, 7), openai.timing.median_filter(x, 7))


@torch.inference_mode()
def test_words_alone_and_in_a_batch(openai, pair):
    reference, model = pair(SMALL)
    frames = [3000, 2000, 800, 3000]
    features, lengths = WhisperMel(80)([noise(i) for i in range(len(TEXTS))])
    memory = model.net.encode(features, lengths)
    text = [model.tokenizer.encode(t) for t, _ in TEXTS]
    languages = [language for _, language in TEXTS]
    found = align(model.net, model.tokenizer, memory, text, frames, languages)
    for i, (_, language) in enumerate(TEXTS):
        tokenizer = openai.tokenizer.get_tokenizer(True, language=language)
        wanted = openai.timing.find_alignment(
            reference, tokenizer, text[i], features[i].T, frames[i]
        )
        assert [w.text for w in found[i]] == [w.word for w in wanted]
        assert [w.tokens for w in found[i]] == [w.tokens for w in wanted]
        for ours, theirs in zip(found[i], wanted, strict=True):
            assert ours.start == pytest.approx(theirs.start, abs=0.02)
            assert ours.end == pytest.approx(theirs.end, abs=0.02)
            assert ours.probability == pytest.approx(theirs.probability, abs=1e-4)


def test_words_are_placed_as_the_reference_does(openai, monkeypatch):
    rng = np.random.default_rng(1)
    pool = [" a", " word", ",", ".", " (", "!", " longer", " “", "”", " so", "?"]
    for trial in range(200):
        n = int(rng.integers(0, 12))
        times = np.sort(rng.uniform(0, 30, 2 * n)).round(2).tolist()
        if trial % 3 == 0:
            times = np.sort(rng.uniform(0, 4, 2 * n)).round(2).tolist()
        texts = [pool[i] for i in rng.integers(0, len(pool), n)]
        cut = int(rng.integers(0, n + 1))
        tokens = [list(range(cut)), list(range(cut, n))]
        edges = np.sort(rng.uniform(0, 30, 4)).round(2).tolist()
        offset, last = 30.0 * (trial % 2), float(rng.uniform(0, 10))
        theirs = [
            openai.timing.WordTiming(t, [i], times[2 * i], times[2 * i + 1], 0.5)
            for i, t in enumerate(texts)
        ]
        monkeypatch.setattr(openai.timing, "find_alignment", lambda *a, w=theirs, **k: w)
        segments = [
            {"tokens": t, "start": offset + edges[2 * i], "end": offset + edges[2 * i + 1],
             "seek": offset * 100}
            for i, t in enumerate(tokens)
        ]  # fmt: skip
        spans = [Span(s["start"], s["end"], s["tokens"]) for s in segments]
        words = [TimedWord(w.word, w.tokens, w.start, w.end, 0.5) for w in theirs]

        class Tokenizer:
            eot = 10_000

        openai.timing.add_word_timestamps(
            segments=segments, model=None, tokenizer=Tokenizer, mel=None, num_frames=3000,
            last_speech_timestamp=last,
        )  # fmt: skip
        place_words(spans, words, 10_000, offset, last)
        for span, segment in zip(spans, segments, strict=True):
            assert span.start == pytest.approx(segment["start"])
            assert span.end == pytest.approx(segment["end"])
            found = [(w.text, w.start, w.end) for w in span.words]
            assert found == [
                (w["word"], pytest.approx(w["start"]), pytest.approx(w["end"]))
                for w in segment["words"]
            ]


def timed(*words: tuple[str, float, float]) -> list[TimedWord]:
    return [TimedWord(text, [i], start, end, 0.9) for i, (text, start, end) in enumerate(words)]


def test_a_text_without_timestamps_is_cut_where_sentences_end():
    words = timed((" So", 0.3, 0.5), (" be", 0.5, 0.7), (" it", 0.7, 0.9), (".", 0.9, 1.4),
                  (" Come", 1.5, 1.8), (" in", 1.8, 2.0), ("!", 2.0, 2.0), ("”", 2.0, 2.0),
                  (" Well", 2.4, 2.6))  # fmt: skip
    spans = sentences(words)
    assert [span.tokens for span in spans] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert [(span.start, span.end) for span in spans] == [(0.3, 0.9), (1.5, 2.0), (2.4, 2.6)]


def test_a_word_that_lasts_too_long_hides_a_stretch_without_text():
    words = timed((" On", 0.0, 0.2), (" the", 0.2, 9.0), (" forest", 9.0, 9.5))
    first, second = sentences(words)
    assert first.tokens == [0, 1]
    assert first.end < 1.5
    assert (second.start, second.end) == (9.0, 9.5)
    assert sentences([]) == []


def test_a_long_comma_hides_a_stretch_without_text():
    words = timed((" his", 0.0, 0.2), (" face", 0.2, 0.6), (",", 0.6, 5.0), (" just", 5.0, 5.3))
    assert [(span.start, span.end) for span in sentences(words)] == [(0.0, 0.6), (5.0, 5.3)]
    words = timed((" his", 0.0, 0.2), (" face", 0.2, 0.6), (",", 0.6, 1.5), (" just", 1.5, 1.8))
    assert len(sentences(words)) == 1  # a pause to breathe


def test_the_end_is_where_the_decoder_would_write_it():
    """The path draws the last word, or the mark behind it, out over speech without text."""
    words = timed((" Come", 1.0, 1.4), (" in", 1.4, 1.8), (".", 1.8, 9.0))
    _end_at(words, 1.7)
    assert [word.end for word in words] == [1.4, 1.7, 1.7]
    words = timed((" Come", 1.0, 1.4), (" in", 1.4, 1.8))
    _end_at(words, 0.5)  # it contradicts the path: not believed
    assert [word.end for word in words] == [1.4, 1.8]
