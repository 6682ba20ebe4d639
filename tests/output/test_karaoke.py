""".ass and .lrc, read back by somebody else's parsers."""

from __future__ import annotations

import re
from itertools import pairwise

import pylrc
import pysubs2
import pytest

from attnasr_cli.output.cues import CueConfig, cues
from attnasr_cli.output.formats import FORMATS
from tests.output.test_cues import ENGLISH, one, said, words_of

WHAT = said(ENGLISH, 90.0, "en")
ODD = one(words_of("{b} a\\N [x] <i> end"))


def test_ass_is_read_by_pysubs2() -> None:
    found = pysubs2.SSAFile.from_string(FORMATS["ass"].render(WHAT, CueConfig()))
    wanted = cues(WHAT)
    assert [event.plaintext for event in found] == [cue.text for cue in wanted]
    for event, cue in zip(found, wanted, strict=True):
        assert event.start / 1000 == pytest.approx(cue.start, abs=0.006)
        assert event.end / 1000 == pytest.approx(cue.end, abs=0.006)
    assert all(a.end <= b.start for a, b in pairwise(found))
    [event] = pysubs2.SSAFile.from_string(FORMATS["ass"].render(ODD, CueConfig()))
    assert event.plaintext == "｛b｝ a\\\u2060N [x] <i> end"


def test_karaoke_adds_up_to_the_time_of_the_cue() -> None:
    found = pysubs2.SSAFile.from_string(FORMATS["ass"].render(WHAT, CueConfig(words=True)))
    assert [event.plaintext for event in found] == [cue.text for cue in cues(WHAT)]
    for event, cue in zip(found, cues(WHAT), strict=True):
        lengths = [int(n) for n in re.findall(r"\\kf?(\d+)", event.text)]
        assert len(re.findall(r"\\kf", event.text)) == len(cue.words)
        assert sum(lengths) == (event.end - event.start) / 10


def test_lrc_is_read_by_pylrc() -> None:
    found = [line for line in pylrc.parse(FORMATS["lrc"].render(WHAT, CueConfig())) if line.text]
    wanted = cues(WHAT)
    assert [line.text for line in found] == [cue.text.replace("\n", " ") for cue in wanted]
    for line, cue in zip(found, wanted, strict=True):
        assert line.time == pytest.approx(cue.start, abs=0.006)
    text = FORMATS["lrc"].render(WHAT, CueConfig(words=True))
    times = [float(m) * 60 + float(s) for m, s in re.findall(r"<(\d+):([\d.]+)>", text)]
    assert len(times) == len(WHAT.words)
    assert times == sorted(times)
    long = one(words_of("late", start=6000.0))
    assert "\n[100:00.00]late\n" in FORMATS["lrc"].render(long, CueConfig())
    assert "(x)" in FORMATS["lrc"].render(ODD, CueConfig())
