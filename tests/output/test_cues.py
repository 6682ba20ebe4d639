"""Subtitles as broadcasters want them: on an hour of speech, and in the cases that go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import srt
import webvtt

from attnasr_cli.families.base import Word
from attnasr_cli.output.breaks import AFTER_BOUND, badness, width
from attnasr_cli.output.cues import Cue, CueConfig, cues, line_text
from attnasr_cli.output.formats import FORMATS
from attnasr_cli.output.layout import Measure
from attnasr_cli.recognize.transcript import Segment, Transcript

ENGLISH = (
    "When the boat came back to the harbour, nobody was waiting on the pier. The captain looked at "
    "his watch and said that they were late again, because the wind had turned in the middle of "
    "the night and the engine of the old boat was not strong enough to hold it. Was that true? "
    "Nobody asked. Mr. Brown, who had been sitting below with a cup of cold tea, came up the "
    "stairs, took the rope from the boy and threw it over the post with a single movement of his "
    "arm. After that they carried the boxes up to the house, one after the other, until all of "
    "them stood in the kitchen. Yes. It was a good catch for a night in November, and if the price "
    "of fish had not fallen so far in the autumn, they could have paid for the engine at once."
)
GERMAN = (
    "Als das Boot in den Hafen zurückkam, wartete niemand auf der Mole. Der Kapitän sah auf die "
    "Uhr und sagte, dass sie wieder zu spät seien, weil der Wind in der Nacht gedreht hatte und "
    "die Maschine des alten Bootes nicht stark genug war, um es zu halten. Stimmte das? Niemand "
    "fragte danach. Danach trugen sie die Kisten in das Haus, eine nach der anderen, bis alle in "
    "der Küche standen."
)


def said(text: str, seconds: float, language: str | None, rate: float = 14.0) -> Transcript:
    """A text again and again, at about ``rate`` characters a second, with pauses at its signs."""
    rng = np.random.default_rng(0)
    words: list[Word] = []
    time = 0.3
    for word in (w for _ in range(10_000) for w in text.split()):
        length = (len(word) + 1) / rate * rng.uniform(0.8, 1.2)
        words.append(Word(f" {word}", time, time + length * 0.9, 0.9))
        time += length
        if word[-1] in ".?!":
            time += rng.choice([0.1, 0.4, 1.5])
        elif word[-1] == ",":
            time += rng.choice([0.0, 0.2])
        if time > seconds:
            break
    whole = "".join(w.word for w in words)
    segment = Segment(0, words[0].start, words[-1].end, whole, [], -0.1, words=words)
    return Transcript("a.wav", time, [segment], language, "m", "cpu", "float32", {}, "0")


def checked(found: Sequence[Cue], config: CueConfig, language: str | None) -> None:
    """What must hold for every cue."""
    for cue in found:
        lines = cue.text.split("\n")
        assert len(lines) <= config.max_line_count
        assert all(width(line) <= config.max_line_width for line in lines)
        assert 0 < cue.end - cue.start <= config.max_cue_duration + 1e-9
    for a, b in pairwise(found):
        assert b.start - a.end >= config.cue_gap - 1e-9
        needed = width(a.text.replace("\n", " ")) / config.cps(language)
        if a.end - a.start < min(max(config.min_cue_duration, needed), config.max_cue_duration):
            assert b.start - a.end == pytest.approx(config.cue_gap)  # all the room there was


@pytest.mark.parametrize(
    ("text", "language", "rate"),
    [(ENGLISH, "en", 14.0), (ENGLISH, "en", 17.0), (GERMAN, "de", 14.0), (GERMAN, None, 14.0)],
)
def test_an_hour_of_speech(text: str, language: str | None, rate: float) -> None:
    what, config = said(text, 1200.0, language, rate), CueConfig()
    found = cues(what, config)
    assert " ".join(c.text.replace("\n", " ") for c in found) == what.text
    checked(found, config, language)
    fast = [c for c in found if width(c.text) / (c.end - c.start) > config.cps(language) + 0.01]
    assert len(fast) < (0.01 if rate < 17 else 0.1) * len(found)
    assert np.mean([c.end - c.start >= config.min_cue_duration - 1e-9 for c in found]) > 0.98
    for cue in found:
        alone = [line for line in cue.lines if len(line) == 1 and width(line_text(line)) < 12]
        sentence = len(cue.words) == 1 and cue.text[-1] in ".?!"
        assert not alone or sentence or len(cue.words) == 2
    two = [[width(line_text(line)) for line in cue.lines] for cue in found if len(cue.lines) == 2]
    assert len(two) > len(found) / 3
    assert np.mean([min(sizes) / max(sizes) for sizes in two]) > 0.7
    ends = [c.words[-1].word.strip()[-1] in ".?!,;:" for c in found]
    assert np.mean(ends) > 0.6
    if language:
        places = [badness(a.words[-1], b.words[0], language) for a, b in pairwise(found)]
        places += [badness(a[-1], b[0], language) for c in found for a, b in pairwise(c.lines)]
        assert np.mean([place >= AFTER_BOUND for place in places]) < 0.03


def words_of(text: str, start: float = 0.0, each: float = 0.4) -> list[Word]:
    found = enumerate(text.split())
    return [Word(f" {w}", start + each * i, start + each * (i + 1), 0.9) for i, w in found]


def one(words: list[Word], language: str | None = "en") -> Transcript:
    text = "".join(w.word for w in words)
    segment = Segment(0, words[0].start, words[-1].end, text, [], -0.1, words=words)
    return Transcript("a.wav", 60.0, [segment], language, "m", "cpu", "float32", {}, "0")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We were told last week / that nobody would come back here", "en"),
        ("She put the letter on the table / and left the house", "en"),
        ("He came home late, / tired and hungry as a wolf", "en"),
        ("Er wusste nicht mehr, / dass wir heute kommen wollten", "de"),
        ("Ils ne savaient pas encore / que nous viendrions demain", "fr"),
    ],
)
def test_lines_end_where_the_text_allows_it(text: str, language: str) -> None:
    lines = text.split(" / ")
    measure = Measure(words_of(" ".join(lines)), language)
    ends, _ = measure.layout(0, len(measure.words), 42)
    found = [line_text(measure.words[a:b]) for a, b in pairwise([0, *ends])]
    assert found == lines


def test_no_word_is_left_over() -> None:
    """Greedy lines would leave the last word alone in a line, or in a cue."""
    text = "we went all the way down to the old town wall again"
    [cue] = cues(one(words_of(text)), CueConfig(max_line_width=46))
    assert min(len(line) for line in cue.lines) > 2
    found = cues(one(words_of(text + " " + text + " yesterday", each=0.25)), CueConfig())
    assert min(len(cue.words) for cue in found) > 2


def test_reading_speed() -> None:
    """A quick sentence before a pause stays as long as it takes to read it."""
    quick = words_of("this was said so quickly that nobody could read it", each=0.1)
    later = words_of("and then", start=6.0)
    first, _ = cues(one([*quick, *later]))
    assert len(first.text) / (first.end - first.start) <= 20.01
    slower, _ = cues(one([*quick, *later]), CueConfig(max_cps=12))
    assert len(slower.text) / (slower.end - slower.start) <= 12.01
    german, _ = cues(one([*quick, *later], "de"))
    assert german.end > first.end


def test_east_asian_text_by_width() -> None:
    plain = Segment(0, 0.0, 20.0, "我们今天讨论语音识别的问题，然后再看看别的东西。" * 3, [], -0.1)
    what = Transcript("a.wav", 20.0, [plain], "zh", "m", "cpu", "float32", {}, "0")
    config = CueConfig(max_line_width=32)
    found = cues(what, config)
    checked(found, config, "zh")
    assert "".join(c.text.replace("\n", "") for c in found) == plain.text
    assert all(line[0] not in "，。" for c in found for line in c.text.split("\n"))
    assert sum(c.text[-1] in "，。" for c in found) >= len(found) - 1


@pytest.mark.parametrize("name", ["srt", "vtt", "ass", "lrc"])
def test_words_of_no_length(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whisper gives several words one time: every cue ends after it begins all the same."""
    words = [Word(f" {w}", 1.0, 1.0, 0.9) for w in ("one", "two", "three", "four")]
    for highlighted in (False, True):
        config = CueConfig(max_line_count=1, max_line_width=4, words=highlighted)
        text = FORMATS[name].render(one(words), config)
        assert all(word in text for word in ("one", "two", "three", "four"))
        if name == "srt":
            found = list(srt.parse(text, ignore_errors=False))
            assert all(item.start < item.end for item in found)
            assert all(a.end <= b.start for a, b in pairwise(found))
        elif name == "vtt":
            path = tmp_path_factory.mktemp("vtt") / "a.vtt"
            path.write_text(text)
            captions = list(webvtt.read(path))
            assert len(captions) == 4
            assert all(c.start < c.end for c in captions)


def test_no_first_or_last_word_of_a_sentence_is_stranded() -> None:
    text = (
        "Bravo, an excellent idea. We will disguise ourselves as monster pulchinellis. That as I "
        "have been four times before at Rome, I know the prices of all the carriages."
    )
    words = [Word(f" {w}", 0.35 * i, 0.35 * i + 0.3, 0.9) for i, w in enumerate(text.split())]
    segment = Segment(0, 0.0, words[-1].end, text, [], -0.1, words=words)
    transcript = Transcript("a.wav", words[-1].end, [segment], "en", "m", "cpu", "float32", {}, "0")
    found = cues(transcript)
    assert len(found) == 3
    assert not any(cue.text.endswith("That") for cue in found)
    assert any(cue.text.startswith("That") for cue in found)


def test_japanese_lines_begin_with_a_phrase() -> None:
    text = (
        "「今日は晴れるでしょうか？」と彼女は聞きました。東京タワーからの眺めはとても素晴らしく、"
        "遠くに富士山も見えました。それではまた明日お会いしましょう。"
    )
    words = [Word(c, 0.14 * i, 0.14 * (i + 1), 0.9) for i, c in enumerate(text)]
    segment = Segment(0, 0.0, words[-1].end, text, [], -0.1, words=words)
    transcript = Transcript("a.wav", words[-1].end, [segment], "ja", "m", "cpu", "float32", {}, "0")
    lines = "\n".join(cue.text for cue in cues(transcript, CueConfig(max_line_width=32)))
    assert "".join(lines.split()) == text
    inside = [line[0] for line in lines.split("\n") if line[0] not in "と「"]
    assert not any("\u3041" <= c <= "\u309f" for c in inside[1:] if c != "そ"), lines
