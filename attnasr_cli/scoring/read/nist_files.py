"""Kaldi's and NIST's files of texts: kaldi, trn, ctm, stm.

Each reader takes the name of the file (for messages) and its text, and raises DataError with the
line that is wrong. In NIST's files a line that begins with ;; is a comment. Times are in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.types import (
    ALT,
    ALT_BEGIN,
    ALT_END,
    StmSegment,
    Texts,
    TimedWord,
    Utterance,
)
from attnasr_cli.text.normalize import composed

_TRN = re.compile(r"^(.*?)\(([^()]*)\)\s*$")
_SPEAKER = re.compile(r"^([^-_]+)[-_]")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith(";;"):
            yield number, line


def read_kaldi(name: str, text: str) -> Texts:
    """An utterance a line: its id, then its words. Ids given twice are found when pairing."""
    out = Texts(name, "kaldi")
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            key, *words = line.split(maxsplit=1)
            out.utterances.append(Utterance(key, words[0] if words else "", number))
    return out


def read_trn(name: str, text: str) -> Texts:
    """An utterance a line: its words, then (id); what stands before the first - or _ is the
    speaker. Raises DataError for a line without an id."""
    out = Texts(name, "trn")
    for number, line in _lines(text):
        match = _TRN.match(line)
        if not match or not match.group(2).strip():
            raise DataError(
                f"{name}:{number}: no (id) at the end of the line: {line.strip()[-60:]!r}",
                "a line of a trn file is the words, then the id in brackets",
            )
        key = match.group(2).strip()
        speaker = _SPEAKER.match(key)
        columns = {"speaker": speaker.group(1)} if speaker else {}
        out.utterances.append(Utterance(key, match.group(1).strip(), number, columns))
    return out


def read_stm(name: str, text: str) -> Texts:
    """A segment a line: file, channel, speaker, begin, end, maybe <label>, words.

    Raises DataError for too few fields, and for times that are none or run backwards.
    """
    out = Texts(name, "stm")
    for number, line in _lines(text):
        parts = line.split(maxsplit=5)
        if len(parts) < 5:
            raise DataError(
                f"{name}:{number}: {len(parts)} fields: {line.strip()[:60]!r}",
                "a line of an stm file: file channel speaker begin end [<label>] text",
            )
        begin, end = (_seconds(item, name, number) for item in parts[3:5])
        if end < begin:
            raise DataError(f"{name}:{number}: ends at {end} before it begins at {begin}", "swap")
        rest = parts[5] if len(parts) > 5 else ""
        label = ""
        if rest.startswith("<") and ">" in rest.split()[0]:
            label, _, rest = rest.partition(" ")
        file, channel, speaker = map(composed, parts[:3])
        out.segments.append(
            StmSegment(file, channel, speaker, begin, end, label, rest.strip(), number)
        )
    return out


def read_ctm(name: str, text: str) -> Texts:
    """A word a line: file, channel, begin, duration, word, maybe confidence; sorted by time.

    Alternatives stand between <ALT_BEGIN>, <ALT> and <ALT_END>. Raises DataError for too few
    fields, times that are none, and alternatives that do not end.
    """
    out = Texts(name, "ctm")
    inside: dict[tuple[str, str], bool] = {}
    for number, line in _lines(text):
        parts = line.split()
        if len(parts) < 5:
            raise DataError(
                f"{name}:{number}: {len(parts)} fields: {line.strip()[:60]!r}",
                "a line of a ctm file: file channel begin duration word [confidence]",
            )
        key, word = (composed(parts[0]), composed(parts[1])), parts[4]
        words = out.channels.setdefault(key, [])
        frame = word.upper()
        if frame in (ALT_BEGIN, ALT, ALT_END):
            # at no time: nothing is cut right before alternatives
            words.append(TimedWord(0.0, 0.0, frame, number, alternative=True))
            inside[key] = frame != ALT_END
            continue
        begin, duration = (_seconds(item, name, number) for item in parts[2:4])
        words.append(TimedWord(begin, duration, word, number, inside.get(key, False)))
    for (file, channel), still in inside.items():
        if still:
            raise DataError(f"{name}: {file} {channel}: no {ALT_END} after {ALT_BEGIN}", "add it")
    out.channels = {key: _in_time_order(words) for key, words in out.channels.items()}
    return out


def _in_time_order(words: list[TimedWord]) -> list[TimedWord]:
    """Words sorted by time; alternatives stay together, at the time of their first word."""
    groups: list[list[TimedWord]] = []
    for word in words:
        if word.alternative and word.word != ALT_BEGIN and groups:
            groups[-1].append(word)
        else:
            groups.append([word])
    groups.sort(key=lambda group: next((w.begin for w in group if w.word[:4] != "<ALT"), 0.0))
    return [word for group in groups for word in group]


def _seconds(item: str, name: str, line: int) -> float:
    try:
        value = float(item)
    except ValueError:
        raise DataError(f"{name}:{line}: {item!r} is not a time in seconds", "like 12.34") from None
    if not 0 <= value < 1e7:
        raise DataError(f"{name}:{line}: {item} seconds: not a time", "like 12.34")
    return value
