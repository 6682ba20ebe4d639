"""Subtitles as they come from the wild, read as players read them: every word once."""

from __future__ import annotations

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read.parse import parse
from attnasr_cli.scoring.types import Want

T = [f"00:00:0{k},000 --> 00:00:0{k + 1},000" for k in range(9)]


def spoken(text: str, kind: str = "srt", detected: bool = True) -> str:
    found = parse(f"name.{kind}", text, Want(kind=None if detected else kind))
    assert found.kind == kind
    (one,) = found.utterances
    return one.text


@pytest.mark.parametrize(
    "text",
    [
        f"1\n{T[0]}\nhello\n\nworld\n\n2\n{T[1]}\nsecond cue\n",  # blank line inside
        f"1\n{T[0]}\nhello world\n2\n{T[1]}\nsecond cue\n",  # none between
        f"1\n{T[0]}\n\nhello world\n\n\n\n2\n{T[1]}\n\n\nsecond cue\n",
        f"{T[0]}\nhello world\n\n{T[1]}\nsecond cue\n",  # no numbers
        f"{T[0]}\nhello world\n{T[1]}\nsecond cue",  # nor blank lines
        f"{T[0]}\nhello world\n\n2\n{T[1]}\nsecond cue\n",  # some numbers
        f"1\n{T[0]}\nhello world\n\n{T[1]}\nsecond cue\n",
        f"7\n{T[0]}\nhello world\n\n7\n{T[1]}\nsecond cue\n",  # wrong numbers
        f"1\n\n{T[0]}\nhello world\n\n2\n\n{T[1]}\nsecond cue\n",  # blank behind numbers
        f"1 \n{T[0]}  \nhello world \n \n 2\t\n  {T[1]} \n second cue \n \n",
        f"1\n{T[0]}\nhello world\n\n2\n{T[1]}\nsecond cue\n\n3\n{T[2]}\n\n",  # an empty cue
        f"2\n{T[1]}\nsecond cue\n\n1\n{T[0]}\nhello world\n",  # out of order
        f"1\n{T[0]}\nhello world\n\n1\n{T[0]}\nhello world\n\n2\n{T[1]}\nsecond cue\n",  # twice
        "1\n00:00:00.000 --> 00:00:01.000\nhello world\n\n2\n00:00:01.0 --> 00:02\nsecond cue",
        "1\n00:00,000 --> 00:01,000\nhello world\n\n2\n00:01,000 --> 00:02,000\nsecond cue\n",
        "1\n0:0:0,0 --> 0:0:1,0\nhello world\n\n2\n0:0:1,0-->0:0:2,0\nsecond cue\n",
        "1\n00:00:00:000 -> 00:00:01:000\nhello world\n2\n00:00:01 --> 00:00:02\nsecond cue\n",
        "1\n00:00:00, 000 --> 00:00:01, 000 X1:9 X2:9\nhello world\n2\n00: 00: 01,0 --> 00:02\n"
        "second cue\n",
        "1\n00:00:00,000 --> 00:00:03,000\nhello world\n\n"  # overlapping
        "2\n00:00:02,000 --> 00:00:04,000\nsecond cue\n",
        f'1\n{T[0]}\n<i>hello</i> <font color="#fff">world</font>\n\n'
        f"2\n{T[1]}\n{{\\an8}}second\\Ncue{{\\i0}}\n",
        f"1\n{T[0]}\nhello world\n\n2\n{T[1]}\nsecond cue\n\n3\n",  # cut off
        f"1\n{T[0]}\nhello world\n\n2\n{T[1]}\nsecond cue\n\n3",
        f"1\n{T[0]}\nhello&nbsp;world\n\n2\n{T[1]}\n<b>second\ncue</b>\n",
    ],
)
def test_srt_of_the_wild(text: str) -> None:
    assert spoken(text) == "hello world second cue"
    assert spoken(text.replace("\n", "\r\n").replace("\r\n", "\n")) == "hello world second cue"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"1\n{T[0]}\n42\n\n2\n{T[1]}\nis it\n", "42 is it"),
        (f"{T[0]}\n42\n{T[1]}\nis it\n", "42 is it"),
        (f"1\n{T[0]}\nis it\n\n42\n", "is it 42"),
        (f"1\n{T[0]}\nuse a --> b\n", "use a --> b"),
        (f"1\n{T[0]}\nI <3 it & AT&T, 1 < 2 > 0\n", "I <3 it & AT&T, 1 < 2 > 0"),
        (f"1\n{T[0]}\nat 10:30 -> go\n", "at 10:30 -> go"),
        (f"1\n{T[0]}\nYes.\n\n2\n{T[1]}\nYes.\n\n3\n{T[2]}\nNo.\n", "Yes. Yes. No."),
        (f"1\n{T[0]}\nYes.\n\n2\n{T[1]}\nYes.\nSir.\n\n3\n{T[2]}\nA\n\n4\n{T[3]}\nB\n"
         f"\n5\n{T[4]}\nC\n", "Yes. Yes. Sir. A B C"),
    ],
)  # fmt: skip
def test_what_was_said_is_not_taken_for_the_frame(text: str, expected: str) -> None:
    assert spoken(text) == expected


def test_times_that_are_none_are_named_with_their_line() -> None:
    with pytest.raises(DataError, match=r"name\.srt:5: not a cue's times: '00:00:01,0 --> x'"):
        spoken(f"1\n{T[0]}\nhello\n\n00:00:01,0 --> x\nworld\n")


VTT = """WEBVTT - a title
Kind: captions
Language: en

NOTE a note
of two lines

STYLE
::cue { color: red }

REGION
id:a

intro
00:00.000 --> 00:01.000 align:start position:0%
<v Ann>hello <00:00:00.500><c.yellow>world</c>

00:00:01.000 --> 00:00:02.000
&lt;second&gt; <lang en>cue</lang>

NOTE the end
"""


def test_vtt_without_what_is_not_spoken() -> None:
    assert spoken(VTT, "vtt") == "hello world <second> cue"
    assert spoken("\n" + VTT, "vtt") == "hello world <second> cue"
    assert spoken("WEBVTT\n", "vtt") == ""


def test_text_behind_an_empty_line_is_shown_by_no_player_and_named() -> None:
    text = "WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n\nworld\n\nid\n00:01.000 --> 00:02.000\nx\n"
    found = parse("name.vtt", text)
    assert found.utterances[0].text == "hello x"
    assert "line 6" in found.note


# As YouTube writes automatic captions: the first cue holds a line of one space above its words.
ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.000 --> 00:00:02.000 align:start position:0%
 
hello<00:00:00.500><c> my</c><00:00:01.000><c> world</c>

00:00:02.000 --> 00:00:02.010 align:start position:0%
hello my world
 

00:00:02.010 --> 00:00:04.000 align:start position:0%
hello my world
this<00:00:02.500><c> is</c><00:00:03.000><c> the</c>

00:00:04.000 --> 00:00:04.010 align:start position:0%
this is the
 

00:00:04.010 --> 00:00:06.000 align:start position:0%
this is the
the<00:00:04.500><c> end</c><00:00:05.000><c> the</c><00:00:05.500><c> end</c>
"""


def test_rolling_captions_are_read_once() -> None:
    assert spoken(ROLLING, "vtt") == "hello my world this is the the end the end"


def test_captions_that_roll_on_after_a_pause() -> None:
    later = """
00:01:00.000 --> 00:01:02.000 align:start position:0%
the end the end
after<00:01:00.500><c> it</c>
"""
    text = spoken(ROLLING + later, "vtt")
    assert text == "hello my world this is the the end the end after it"
    # but a line of its own that says the same is said again
    again = "\n00:01:00.000 --> 00:01:02.000\nthe<00:01:00.500><c> end the end</c>\n"
    assert spoken(ROLLING + again, "vtt").endswith("the end the end the end the end")


def test_rolling_captions_turned_into_srt() -> None:
    cues = [
        ("00:00:00,000 --> 00:00:02,000", "hello my world"),
        ("00:00:02,000 --> 00:00:02,010", "hello my world\n "),
        ("00:00:02,010 --> 00:00:04,000", "hello my world\nthis is the"),
        ("00:00:04,000 --> 00:00:04,010", "this is the\n "),
        ("00:00:04,010 --> 00:00:06,000", "this is the\nthe end the end"),
    ]
    text = "".join(f"{k}\n{times}\n{words}\n\n" for k, (times, words) in enumerate(cues, 1))
    assert spoken(text) == "hello my world this is the the end the end"


def test_highlighted_words_are_read_once() -> None:
    shown = ["<u>so</u> it goes", "so <u>it</u> goes", "so it goes", "so it <u>goes</u>"]
    text = "".join(f"{k + 1}\n{T[k]}\n{words}\n\n" for k, words in enumerate([*shown, "no", "no"]))
    assert spoken(text) == "so it goes no no"
    shown = ["<font color='red'>so</font> it\ngoes", "so <font color='red'>it</font>\ngoes"]
    text = "".join(f"{k + 1}\n{T[k]}\n{words}\n\n" for k, words in enumerate(shown))
    assert spoken(text) == "so it goes"
    later = text + "9\n00:01:00,000 --> 00:01:01,000\n<i>so</i> it\ngoes\n"
    assert spoken(later) == "so it goes so it goes"


def test_three_lines_that_roll_and_lines_that_grow() -> None:
    shown = ["a b", "a b\nc d", "a b\nc d\ne f", "c d\ne f\ng h"]
    text = "".join(f"{k + 1}\n{T[k]}\n{words}\n\n" for k, words in enumerate(shown))
    assert spoken(text) == "a b c d e f g h"
    shown = ["a", "a b", "a b c", "a b c d", "e", "e f"]
    text = "".join(f"{k + 1}\n{T[k]}\n{words}\n\n" for k, words in enumerate(shown))
    assert spoken(text) == "a b c d e f"
