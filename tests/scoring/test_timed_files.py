"""TextGrid, ass and lrc of other programs; tables and JSON of segments without a name."""

from __future__ import annotations

from typing import Any

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import Want


def spoken(text: str, **want: Any) -> tuple[str, str]:
    found = parse("dir/name.any", text, Want(**want))
    (one,) = found.utterances
    assert one.id == "name"
    assert found.one
    return found.kind, one.text


SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
3
"IntervalTier"
"Ann - words"
0
2
3
0
0.5
"so"
0.5
1
""
1
2
"said ""hi"""
"TextTier"
"marks"
0
2
1
0.5
"x"
"IntervalTier"
"Bob - words"
0
2
2
0
0.7
"well"
0.7
2
"sil"
'''


def test_textgrids_long_and_short_with_speakers() -> None:
    assert spoken(SHORT) == ("textgrid", 'so well said "hi"')
    assert spoken(SHORT, column="Bob - words") == ("textgrid", "well")
    words = parse("f.TextGrid", SHORT).channels["f", "1"]
    assert [(w.begin, w.word) for w in words] == [(0, "so"), (0, "well"), (1, "said"), (1, '"hi"')]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SHORT[:200], "not a TextGrid: it ends too early"),
        (SHORT.replace("<exists>\n3", "<exists>\nno"), "not a TextGrid"),
        (SHORT.replace("words", "phones"), "the text may be in the tiers Ann - phones, Bob - ph"),
        (SHORT.replace("TextGrid", "Sound"), "not a TextGrid: its class"),
    ],
)
def test_textgrids_that_are_none(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        spoken(text, kind="textgrid")
    with pytest.raises(DataError, match="no tier 'x'"):
        spoken(SHORT, column="x")


ASS = """[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname
Style: Default,Arial

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\\an8}second, {\\k20}cue\\Nhere
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not this
Dialogue: 0,0:00:00.50,0:00:01.00,Default,,0,0,0,,first{\\i1} one{\\i0}
Dialogue: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}
"""


def test_ass() -> None:
    assert spoken(ASS) == ("ass", "first one second, cue here")
    assert spoken(ASS.split("Dialogue")[0]) == ("ass", "")
    with pytest.raises(DataError, match=r"name\.any:10: 2 fields"):
        spoken(ASS.replace("0,0:00:02.00,0:00:03.00,Default,,0,0,0,,{\\an8}second, ", "a,"))
    with pytest.raises(DataError, match=r"name\.any:12: 'x' is not a time"):
        spoken(ASS.replace("0:00:00.50", "x"))
    with pytest.raises(DataError, match="no line of dialogue"):
        spoken("just words", kind="ass")


def test_lrc() -> None:
    text = "[ar:Ann]\n[length:00:10]\n\n[00:05.00][00:01.50]la <00:01.60>la [sic]\n[00:03]so <b>\n"
    assert spoken(text) == ("lrc", "la la [sic] so <b> la la [sic]")
    with pytest.raises(DataError, match="no time in it"):
        spoken("just words", kind="lrc")


@pytest.mark.parametrize(
    "text",
    [
        "start\tend\ttext\n0\t900\tso it\n900\t1000\tgoes\n",
        "start,end,text\n0,900,so it\n900,1000,goes\n",
        "start;end;speaker;text\n0;1;A;so it\n1;2;B;goes\n",
        '[{"start": 0, "end": 1, "text": "so it"}, {"start": 1, "end": 2, "text": "goes"}]',
        '{"start": 0, "end": 1, "text": "so it"}\n{"start": 1, "end": 2, "text": "goes"}\n',
        '{"segments": [{"start": 0, "end": 1, "text": "so it"}, {"start": 1, "text": "goes"}]}',
        '{"transcription": [{"offsets": {}, "text": " so it"}, {"text": " goes"}]}',
    ],
)
def test_segments_of_one_recording(text: str) -> None:
    found = parse("dir/name.any", text)
    (one,) = found.utterances
    assert (one.id, one.text.split()) == ("name", ["so", "it", "goes"])
