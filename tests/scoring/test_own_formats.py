"""What ``attnasr transcribe`` writes, ``attnasr score`` reads: every format, every word, once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.families.base import Word
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.output.formats import FORMATS
from attnasr_cli.recognize.transcript import Segment, Transcript

Run = Callable[..., Any]
TEXTS = [
    "So, 10 < 20 & the 'quoted' \"words\" are -->",
    "2",
    "called: naïve – „so“? Yes.",
    "Yes.",
    "Yes. And on the other hand there is a line that is far too long for one line of subtitles.",
]


def segment(number: int, text: str) -> Segment:
    start = 2.0 * number
    words = text.split()
    step = 1.8 / len(words)
    found = [
        Word(f" {word}", start + k * step, start + (k + 1) * step, 0.9)
        for k, word in enumerate(words)
    ]
    return Segment(number, start, start + 1.9, f" {text}", [5], -0.2, words=found)


TRANSCRIPT = Transcript(
    "talk.wav",
    12.0,
    [segment(*item) for item in enumerate(TEXTS)],
    "en",
    "m",
    "cpu",
    "float32",
    {},
    "0",
)


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_back(name: str, words: bool, tmp_path: Path, attnasr: Run) -> None:
    ref, hyp = tmp_path / "ref.txt", tmp_path / f"talk.{FORMATS[name].ending}"
    ref.write_text(" ".join(TEXTS))
    config = CueConfig(words=words)
    hyp.write_text(FORMATS[name].render(TRANSCRIPT, config))
    formats = ["--ref-format", "txt"] + (["--hyp-format", "txt"] if name == "txt" else [])
    done = attnasr("score", ref, hyp, *formats, "-n", "none", "--format", "json")
    assert done.code == 0, done.err
    whole = json.loads(done.out)
    assert whole["hypotheses"]["kind"] == name
    (row,) = whole["scores"][0]["utterances_by_error"]
    assert (row["hypothesis"], row["units"]["errors"]) == (" ".join(TEXTS), 0)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"txt", "ctm", "jsonl"}))
def test_a_folder_of_any_format(name: str, tmp_path: Path, attnasr: Run) -> None:
    (tmp_path / "ref.tsv").write_text(f"path\ttext\nwavs/talk.wav\t{' '.join(TEXTS)}\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / f"talk.{FORMATS[name].ending}").write_text(FORMATS[name].render(TRANSCRIPT, CueConfig()))
    done = attnasr("score", tmp_path / "ref.tsv", out, "-n", "none", "--format", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["scores"][0]["units"]["errors"] == 0
