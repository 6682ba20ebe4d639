"""Times of words from the CTC head of another model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.app import main
from attnasr_cli.audio.segment import Speech
from attnasr_cli.checkpoint.folder import read_header
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families import models
from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.families.word_timer import WordTimer
from attnasr_cli.families.words import LEAD_S, TAIL_S
from attnasr_cli.recognize.align import Aligner, choose_aligner
from attnasr_cli.recognize.jobs import SegmentResult
from attnasr_cli.recognize.recognizer import load
from attnasr_cli.recognize.tape import Tape
from tests.conftest import make_model
from tests.speech import babble

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32", "vad": False}
STEP_S = 0.1


@pytest.fixture(scope="module")
def ctc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("models") / "aligner", seed=3)


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without a CTC head."""
    return make_model(tmp_path_factory.mktemp("models") / "writer", "transformer", ctc=False)


@pytest.fixture(scope="module")
def timer(ctc: Path) -> WordTimer:
    return WordTimer(models.load(ctc), torch.device("cpu"))


def heads(timer: WordTimer, shown: str) -> torch.Tensor:
    """(S, V) log probabilities of a head that is nearly sure; '.' is the blank, '_' begins a
    word, and what is no letter of the tokenizer is some sound."""
    ids = {piece: i for i, piece in enumerate(timer.pieces)}
    names = {".": 0, "_": ids["▁"], "?": ids["q"]}
    logits = torch.zeros(len(shown), len(timer.pieces))
    for s, c in enumerate(shown):
        logits[s, names.get(c, ids.get(c, 0))] = 12.0
    return logits.log_softmax(-1)


def times(timer: WordTimer, shown: str, *words: str) -> list[tuple[float, float]] | None:
    """(first, last + 1) position of each word."""
    found = timer._one(heads(timer, shown), words, STEP_S, 100.0)
    if found is None:
        return None
    return [(round((a + LEAD_S) / STEP_S, 3), round((b - TAIL_S) / STEP_S, 3)) for a, b in found]


def test_words_stand_where_the_head_hears_them(timer: WordTimer) -> None:
    assert times(timer, "..._ab...._cd..", "Ab,", "cd!") == [(4, 6), (11, 13)]


def test_a_number_stands_between_its_neighbours_where_something_is_said(timer: WordTimer) -> None:
    assert times(timer, "._ab...?.??.?...._cd.", "ab", "1984", "cd") == [(2, 4), (7, 13), (18, 20)]
    # several share the time, by their lengths
    found = times(timer, "._ab...??????..._cd..", "ab", "19", "1984", "cd")
    assert found is not None
    assert found[1][0] == 7
    assert found[2][1] == 13


def test_a_dash_takes_no_time(timer: WordTimer) -> None:
    found = timer._one(heads(timer, "._ab....._cd."), ["—", "ab", "–", "cd"], STEP_S, 2.0)
    assert found is not None
    assert [b - a for a, b in found][::2] == [0.0, 0.0]
    starts = [a for a, _ in found]
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("._ab....._cd.", ["xyz", "uvw"]),  # another text
        ("._a", ["abcdefgh"]),  # longer than the audio
        ("._ab....", ["ab", "12", "34"]),  # most of it cannot be spelled
        ("._ab....", []),
    ],
)
def test_what_does_not_fit_has_no_times(timer: WordTimer, shown: str, words: list[str]) -> None:
    assert times(timer, shown, *words) is None


def test_alone_is_as_in_a_batch(timer: WordTimer) -> None:
    segments = [torch.from_numpy(babble(s, seed)) for seed, s in enumerate((3.0, 1.5, 5.0))]
    texts = [["abc", "de"], ["f"], ["gh", "ijk", "l"]]
    together = timer.times(segments, texts)
    assert None not in together
    for segment, text, wanted in zip(segments, texts, together, strict=True):
        [alone] = timer.times([segment], [text])
        assert alone == wanted


# ---- segments


def outcome(*words: str, language: str | None = "en", start_s: float = 0.0) -> SegmentResult:
    found = [Word(f" {w}", i * 0.1, i * 0.1 + 0.1, 0.5) for i, w in enumerate(words)]
    piece = Piece(0.0, 1.0, " ".join(words), [1], -0.1, found)
    return SegmentResult([(start_s, Decoded([piece], -0.1, language=language))])


def aligner(ctc: Path, language: str | None = None) -> Aligner:
    return Aligner("aligner", ctc, read_header(ctc), torch.device("cpu"), language)


def test_only_times_change_and_count_from_their_part(ctc: Path) -> None:
    speech = Speech(7.0, torch.from_numpy(babble(3.0)))
    before = replace(outcome("abc", "de"), parts=[*outcome("Abc,").parts, *outcome("de").parts])
    before = SegmentResult([(7.0, before.parts[0][1]), (8.0, before.parts[1][1])])
    [after] = aligner(ctc).align([(speech, before)])
    assert [s for s, _ in after.parts] == [7.0, 8.0]
    told = [s + p.words[0].start for s, d in after.parts for p in d.pieces]
    wanted = aligner(ctc).timer.times([speech.samples], [["Abc,", "de"]])[0]
    assert wanted is not None
    assert told == pytest.approx([7.0 + a for a, _ in wanted])
    for (_, old), (_, new) in zip(before.parts, after.parts, strict=True):
        [a], [b] = old.pieces, new.pieces
        assert (b.text, b.tokens, b.words[0].word) == (a.text, a.tokens, a.words[0].word)
        assert (b.start, b.end) == (b.words[0].start, b.words[-1].end)


@pytest.mark.parametrize(
    ("text", "own", "changes"),
    [("en", None, True), ("de", None, False), (None, None, False), (None, "en", True)],
)
def test_another_language_keeps_its_times(
    ctc: Path, text: str | None, own: str | None, changes: bool
) -> None:
    speech = Speech(0.0, torch.from_numpy(babble(3.0)))
    before = outcome("abc", "de", language=text)
    [after] = aligner(ctc, own).align([(speech, before)])
    assert (after != before) is changes


def test_the_model_is_loaded_with_the_first_words(ctc: Path) -> None:
    made = aligner(ctc)
    speech = Speech(0.0, torch.zeros(16_000))
    empty = SegmentResult([(0.0, Decoded([], -1.0, language="en"))])
    assert made.align([(speech, empty)]) == [empty]
    assert "timer" not in vars(made)


def test_a_tape_gives_what_was_pushed() -> None:
    samples = torch.from_numpy(babble(3.0))
    tape = Tape()
    for block in samples.split(7_000):
        tape.push(block)
    for start_s, end_s in ((0.25, 1.0), (1.0, 1.5), (1.2, 9.0)):
        part = tape.part(start_s, end_s)
        wanted = samples[round(start_s * 16_000) : round(end_s * 16_000)]
        assert part.start_s == start_s
        assert torch.allclose(part.samples, wanted, atol=2e-5)
    assert tape.part(20.0, 21.0).samples.shape == (0,)


# ---- which model


WORDS = {"word_timestamps": True}


def test_auto_is_the_shipped_model_for_english_that_has_no_head(writer: Path) -> None:
    header, cpu = read_header(writer), torch.device("cpu")
    found = choose_aligner("auto", header, False, WORDS, cpu)
    assert found is not None
    assert found.identity.startswith("english-small@")
    assert choose_aligner("auto", header, True, WORDS, cpu) is None
    assert choose_aligner("auto", header, False, {}, cpu) is None
    assert choose_aligner("attention", header, False, WORDS, cpu) is None
    for more in ({"language": "de"}, {"task": "translate"}):
        assert choose_aligner("auto", header, False, WORDS | more, cpu) is None


def german(model: Path, folder: Path) -> Path:
    made = folder / "german"
    shutil.copytree(model, made)
    table = (made / "model.toml").read_text(encoding="utf-8")
    (made / "model.toml").write_text(table.replace('"en",', '"de",'), encoding="utf-8")
    return made


def test_models_that_cannot_align_are_refused(writer: Path, ctc: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without times of words"):
        load(writer, **CPU, align=str(ctc))
    with pytest.raises(UsageError, match="no CTC head"):
        load(writer, **CPU, **WORDS, align=str(writer))
    with pytest.raises(UsageError, match=r"knows de.*in en"):
        load(writer, **CPU, **WORDS, align=str(german(ctc, tmp_path)))
    translating = WORDS | {"task": "translate"}
    with pytest.raises(UsageError, match="translate"):
        choose_aligner(str(ctc), read_header(writer), False, translating, torch.device("cpu"))


def test_the_option_changes_times_and_nothing_else(
    writer: Path, ctc: Path, tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    talk = speech_file(tmp_path / "talk.wav", 6.0)
    own = load(writer, **CPU, **WORDS, align="attention")
    [a] = own.transcribe(talk)
    [b] = own.transcribe(talk, align=str(ctc))
    assert len(a.words) > 0
    assert [w.word for w in a.words] == [w.word for w in b.words]
    assert [w.start for w in a.words] != [w.start for w in b.words]
    assert "align" not in a.options
    assert b.options["align"].startswith("aligner@")
    ends = [w.end for w in b.words]
    assert ends == sorted(ends)
    assert all(np.isfinite(w.start) and w.start <= w.end for w in b.words)


def test_the_command(
    writer: Path,
    ctc: Path,
    tmp_path: Path,
    speech_file: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    talk = speech_file(tmp_path / "talk.wav", 6.0)
    command = ["transcribe", str(talk), "-m", str(writer), "--device", "cpu", "-q", "--no-vad"]

    def run(*more: str) -> str:
        assert main([*command, *more]) == 0
        return capsys.readouterr().out

    told = [json.loads(run("-f", "json", "--align", name)) for name in ("attention", str(ctc))]
    texts, words = [t["text"] for t in told], [t["segments"][0]["words"] for t in told]
    assert texts[0] == texts[1]
    assert words[0] != words[1]
    for refused in (["--align", str(ctc)], ["-f", "srt", "--no-word-timestamps", "--align", "x"]):
        assert main([*command, *refused]) == 2
        assert "--align" in capsys.readouterr().err


def test_an_error_while_aligning_fails_its_recordings_only(
    writer: Path, ctc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", babble(2.0, ord(name)), 16_000)
    recognizer = load(
        writer, device="cpu", dtype="float32", word_timestamps=True, align=str(ctc), batch=1.0
    )
    align, calls = Aligner.align, []

    def once(self: Aligner, found: Any) -> list[SegmentResult]:
        calls.append(found)
        if len(calls) == 1:
            raise RuntimeError("a strange number")
        return align(self, found)

    monkeypatch.setattr(Aligner, "align", once)
    failed: list[tuple[object, AttnasrError]] = []
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    done = list(recognizer.transcribe(paths, on_error=lambda *what: failed.append(what)))
    assert [Path(t.file).name for t in done] == ["b.wav"]
    [(_, problem)] = failed
    assert "a strange number" in problem.message
    assert "a.wav" in problem.message
