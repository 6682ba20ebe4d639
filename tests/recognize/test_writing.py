"""What was heard, as it is written: times stay with their words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.checkpoint.folder import Header, PartFile, read_header
from attnasr_cli.errors import ModelError, UsageError
from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.recognize.reading import Reading, for_decoder
from attnasr_cli.recognize.stitch import Stitcher
from attnasr_cli.recognize.writing.writer import Writer
from attnasr_cli.text.sentences.written import Case, Mark
from tests.text.test_sentences import Told


def heard(*texts: str, timed: bool = True, language: str | None = None) -> Decoded:
    """Pieces of a word a second."""
    pieces, at = [], 0.0
    for text in texts:
        words = []
        for word in text.split():
            words.append(Word(" " + word, at, at + 1.0, 0.5 + at / 100))
            at += 1.0
        pieces.append(Piece(at - len(words), at, " " + text, [1, 2], -0.1, words if timed else []))
    return Decoded(pieces, -0.1, language=language)


def header(tmp_path: Path, tiny_model: Path, **changes: Any) -> Header:
    from dataclasses import replace

    return replace(read_header(tiny_model), **changes)


def writer(
    tiny_model: Path, tmp_path: Path, punctuation: bool | None = None, digits: bool = False,
    net: bool = True, language: str = "en",
) -> Writer:  # fmt: skip
    """That of a model with a net that is told what to write."""
    from attnasr_cli.checkpoint.weights import sha256_of

    (tmp_path / "net").write_bytes(b"a net")
    part = PartFile("net", sha256_of(tmp_path / "net")) if net else None
    made = Writer.of(
        header(tmp_path, tiny_model, sentences=part, languages=(language,)),
        tmp_path, Reading(punctuation=punctuation, digits=digits), {},
    )  # fmt: skip
    told = {
        "so": (Case.LOWER, Mark.COMMA), "americans": (Case.CAPITAL, Mark.STOP),
        "five": (Case.LOWER, Mark.COMMA),
    }  # fmt: skip
    cls = type("ToldWriter", (Writer,), {"punctuator": Told(**told)})
    return cls(**vars(made))


def written(made: Writer, *stretches: Decoded) -> list[Decoded]:
    write = made.recording()
    return [write(one) if write is not None else one for one in stretches]


def test_words_have_their_marks_and_keep_their_times(tiny_model: Path, tmp_path: Path) -> None:
    before = heard("and so my", "fellow americans")
    [after] = written(writer(tiny_model, tmp_path), before)
    assert [p.text for p in after.pieces] == [" And so, my", " fellow Americans."]
    assert [w.word for p in after.pieces for w in p.words] == [
        " And", " so,", " my", " fellow", " Americans.",
    ]  # fmt: skip
    for old, new in zip(before.pieces, after.pieces, strict=True):
        assert [(w.start, w.end, w.probability) for w in old.words] == [
            (w.start, w.end, w.probability) for w in new.words
        ]
        assert (old.start, old.end, old.tokens) == (new.start, new.end, new.tokens)
    [untimed] = written(writer(tiny_model, tmp_path), heard("and so my", timed=False))
    assert untimed.pieces[0].text == " And so, my"
    assert untimed.pieces[0].words == []


def test_every_recording_begins_anew_and_segments_go_on(tiny_model: Path, tmp_path: Path) -> None:
    made = writer(tiny_model, tmp_path)
    for _ in range(2):
        stitcher = Stitcher(0.0, made.recording())
        segments = stitcher.push([(0.0, heard("and so")), (9.0, heard("my americans"))])
        segments += stitcher.push([(20.0, heard("ask"))])
        assert [s.text for s in segments] == [" And so,", " my Americans.", " Ask"]


def test_digits_join_the_times_of_their_words(tiny_model: Path, tmp_path: Path) -> None:
    [after] = written(writer(tiny_model, tmp_path, digits=True), heard("i saw twenty five men"))
    [piece] = after.pieces
    assert piece.text == " I saw 25, men"
    assert [(w.word, w.start, w.end) for w in piece.words] == [
        (" I", 0, 1), (" saw", 1, 2), (" 25,", 2, 4), (" men", 4, 5),
    ]  # fmt: skip
    assert piece.words[2].probability == pytest.approx(0.525)


def test_a_number_over_two_pieces_stands_in_the_first(tiny_model: Path, tmp_path: Path) -> None:
    made = writer(tiny_model, tmp_path, digits=True, net=False)
    [after] = written(made, heard("nineteen", "sixty", "two men"))
    assert [p.text for p in after.pieces] == [" 1962", "", " men"]
    [plain] = written(made, heard("no number", "at all"))
    assert [p.text for p in plain.pieces] == [" no number", " at all"]


def test_plain_words(tiny_model: Path, tmp_path: Path) -> None:
    made = writer(tiny_model, tmp_path, punctuation=False, net=False)
    [after] = written(made, heard("And so, — my O'Brien!", "…"))
    assert [p.text for p in after.pieces] == [" and so my o'brien", ""]
    assert [w.word for w in after.pieces[0].words] == [" and", " so", " my", " o'brien"]
    # what a model with a net writes by itself is plain
    assert writer(tiny_model, tmp_path, punctuation=False).recording() is None


def test_a_model_that_can_is_asked_for_plain_words() -> None:
    from attnasr_cli.families.fastconformer.options import CohereOptions
    from attnasr_cli.families.native.options import NativeOptions

    off, on = Reading(punctuation=False), Reading(punctuation=True)
    assert for_decoder(off, {"beam": 1}, CohereOptions) == {
        "beam": 1, "no_punctuation": True,
    }  # fmt: skip
    assert for_decoder(on, {}, CohereOptions) == {"no_punctuation": False}
    assert for_decoder(Reading(), {}, CohereOptions) == {}
    assert for_decoder(off, {}, NativeOptions) == {}


def test_what_cannot_be_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    from attnasr_cli.checkpoint.folder import Text

    lower = header(tmp_path, tiny_model, text=Text("characters.txt", "lower"))
    with pytest.raises(UsageError, match="has no sentence net"):
        Writer.of(lower, tmp_path, Reading(punctuation=True), {})
    assert (
        Writer.of(header(tmp_path, tiny_model), tmp_path, Reading(punctuation=True), {}).recording()
        is None
    )
    with pytest.raises(UsageError, match="--digits for text in ru"):
        writer(tiny_model, tmp_path, digits=True, language="ru")
    with pytest.raises(UsageError, match="--punctuation with --phrases"):
        Writer.of(lower, tmp_path, Reading(punctuation=True), {"phrases": ["lights on"]})
    damaged = header(tmp_path, tiny_model, sentences=PartFile("net", "0" * 64))
    with pytest.raises(ModelError, match="no sentence net"):
        Writer.of(damaged, tmp_path / "none", Reading(), {})
    (tmp_path / "net").write_bytes(b"another")
    with pytest.raises(ModelError, match="damaged sentence net"):
        Writer.of(damaged, tmp_path, Reading(), {})
    assert Writer.of(damaged, tmp_path, Reading(), {"phrases": ["lights on"]}).recording() is None
    assert Writer.of(damaged, tmp_path, Reading(punctuation=False), {}).facts == {
        "punctuation": False
    }
