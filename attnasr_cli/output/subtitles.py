"""SubRip (.srt) and WebVTT (.vtt)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from attnasr_cli.output.cues import Cue, CueConfig, cues
from attnasr_cli.recognize.transcript import Transcript

ZERO_WIDTH_SPACE = "\u200b"


def srt(transcript: Transcript, config: CueConfig) -> str:
    """SubRip: numbered cues, a comma before the milliseconds, no blank line in a cue."""
    return "".join(
        f"{i}\n{stamp(start, ',')} --> {stamp(end, ',')}\n{text}\n\n"
        for i, (start, end, text) in enumerate(_shown(transcript, config, _no_arrow), 1)
    )


def vtt(transcript: Transcript, config: CueConfig) -> str:
    """WebVTT (W3C): text is escaped, as in HTML."""
    return "WEBVTT\n\n" + "".join(
        f"{stamp(start, '.')} --> {stamp(end, '.')}\n{text}\n\n"
        for start, end, text in _shown(transcript, config, _escaped)
    )


def stamp(seconds: float, point: str) -> str:
    """hh:mm:ss and milliseconds; more than 99 hours make the first number longer."""
    total = max(round(seconds * 1000), 0)
    minutes, milliseconds = divmod(total, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _shown(
    transcript: Transcript, config: CueConfig, clean: Callable[[str], str]
) -> Iterator[tuple[float, float, str]]:
    """Yield (start, end, text) of what is shown."""
    for cue in cues(transcript, config):
        if config.words:
            yield from _highlighted(cue, clean)
        else:
            yield cue.start, cue.end, clean(cue.text)


def _highlighted(cue: Cue, clean: Callable[[str], str]) -> Iterator[tuple[float, float, str]]:
    """The cue once for each of its words, with that word underlined, without gaps."""
    words = cue.words
    edges = [cue.start, *(min(max(w.start, cue.start), cue.end) for w in words[1:]), cue.end]
    edges = list(accumulate(edges, max))
    for i, word in enumerate(words):
        start, end = edges[i], edges[i + 1]
        if round(end * 1000) <= round(start * 1000):
            continue
        lines: list[str] = []
        for line in cue.lines:
            text = "".join(_underlined(clean(w.word)) if w is word else clean(w.word) for w in line)
            lines.append(text.strip())
        yield start, end, "\n".join(lines)


def _underlined(word: str) -> str:
    text = word.lstrip()
    return word[: len(word) - len(text)] + f"<u>{text}</u>"


def _no_arrow(text: str) -> str:
    """An arrow in the text would look like a time line to a reader."""
    return text.replace("-->", f"--{ZERO_WIDTH_SPACE}>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
