"""Advanced SubStation Alpha (.ass) and lyrics (.lrc), by lines or with the time of each word."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from attnasr_cli.families.base import Word
from attnasr_cli.output.cues import Cue, CueConfig, cues
from attnasr_cli.recognize.transcript import Transcript

WORD_JOINER = "\u2060"
HEAD = """\
[Script Info]
; written by attnasr
ScriptType: v4.00+
WrapStyle: 2
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,64,&H00FFFFFF,&H0000C8FF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,\
60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def ass(transcript: Transcript, config: CueConfig) -> str:
    """One dialogue line a cue; with ``config.words`` each word fills as it is said."""
    lines = [HEAD]
    for cue in cues(transcript, config):
        text = _karaoke(cue) if config.words else r"\N".join(map(_plain, cue.text.split("\n")))
        lines.append(f"Dialogue: 0,{_stamp(cue.start)},{_stamp(cue.end)},Default,,0,0,0,,{text}\n")
    return "".join(lines)


def lrc(transcript: Transcript, config: CueConfig) -> str:
    """One line a cue, and an empty one where a pause follows; with ``config.words`` each word has
    its time, too (the enhanced form)."""
    found = cues(transcript, config)
    minutes, seconds = divmod(round(transcript.duration), 60)
    lines = ["[re:attnasr]\n", f"[length:{minutes:02d}:{seconds:02d}]\n"]
    for i, cue in enumerate(found):
        if config.words:
            text = " ".join(f"<{_clock(w.start)}>{w.word.strip()}" for w in _in_time(cue))
        else:
            text = " ".join(cue.text.split())
        lines.append(f"[{_clock(cue.start)}]{text.replace('[', '(').replace(']', ')')}\n")
        following = found[i + 1].start if i + 1 < len(found) else float("inf")
        if following - cue.end >= 1.0:
            lines.append(f"[{_clock(cue.end)}]\n")
    return "".join(lines)


def _karaoke(cue: Cue) -> str:
    """The lines of a cue with the hundredths of a second that each word takes; they add up to the
    time of the cue."""
    words = list(_in_time(cue))
    times = [round(100 * word.start) for word in words] + [round(100 * cue.end)]
    lengths = iter(b - a for a, b in pairwise(times))
    lead = times[0] - round(100 * cue.start)
    lines: list[str] = []
    for line in cue.lines:
        text = ""
        for word in line:
            bare = word.word.lstrip()
            space = " " if text and bare != word.word else ""
            text += f"{space}{{\\kf{next(lengths)}}}{_plain(bare)}"
        lines.append(text)
    return (f"{{\\k{lead}}}" if lead else "") + r"\N".join(lines)


def _in_time(cue: Cue) -> Iterator[Word]:
    """The words of a cue with starts inside it that never run backwards."""
    previous = cue.start
    for word in cue.words:
        previous = min(max(word.start, previous), cue.end)
        yield Word(word.word, previous, max(word.end, previous), word.probability)


def _plain(text: str) -> str:
    """Text without override codes: full-width braces, and no escape sequences."""
    return text.replace("{", "｛").replace("}", "｝").replace("\\", "\\" + WORD_JOINER)


def _stamp(seconds: float) -> str:
    """h:mm:ss and hundredths."""
    total = max(round(seconds * 100), 0)
    minutes, rest = divmod(total, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"


def _clock(seconds: float) -> str:
    """mm:ss and hundredths; more than 99 minutes make the first number longer."""
    total = max(round(seconds * 100), 0)
    return f"{total // 6000:02d}:{total % 6000 // 100:02d}.{total % 100:02d}"
