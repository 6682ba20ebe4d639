"""Reads captions that show the same text several times, taking each word once.

Rolling ones (YouTube's, also when converted to srt): a line appears at the bottom, moves up when
the next one comes, and so is in two or three cues. Between them are cues of 10 ms that repeat what
is already shown. Highlighted ones (of Whisper and others): the same text in one cue a word, each
time with another word underlined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_GAP_S = 0.5  # a repeat follows what it repeats without a pause
_FLASH_S = 0.05  # cues as short as this are never read


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue with its lines as they are shown. Times in seconds."""

    begin: float
    end: float
    lines: tuple[str, ...]
    inline: bool = False  # its words have times of their own: <00:00:01.000>
    marked: str = ""  # its text with all tags


def spoken_lines(cues: Sequence[Cue]) -> list[str]:
    """The lines of all cues in their order, without those that are shown once more."""
    cues = list(_without_highlights(cues))
    if not _rolls(cues):
        return [line for cue in cues for line in cue.lines]
    found: list[str] = []
    before: Cue | None = None
    for cue in cues:
        kept, grown = _repeated(before, cue) if before else (0, "")
        if grown:
            found.append(grown)
        found += cue.lines[kept:]
        if cue.lines:
            before = cue
    return found


def _without_highlights(cues: Sequence[Cue]) -> Iterator[Cue]:
    """The cues without those that show the text before them with other words highlighted."""
    before: Cue | None = None
    for cue in cues:
        same = before is not None and before.lines == cue.lines and cue.marked != before.marked
        if not (before and same and cue.begin <= before.end + _GAP_S):
            yield cue
        before = cue


def _rolls(cues: Sequence[Cue]) -> bool:
    """Whether lines repeat as in rolling captions, and not because people repeat themselves."""
    filled = [cue for cue in cues if cue.lines]
    moved = grown = 0
    for one, two in pairwise(filled):
        kept, added = _repeated(one, two)
        # "Yes." after "Yes." is said twice; a repeat with something new below it is shown twice
        new = kept < len(two.lines) or two.end - two.begin <= _FLASH_S
        grown += bool(added)
        moved += kept > 0 and not added and new
    if any(cue.inline for cue in filled):
        return moved + grown > 0
    return 2 * (moved + grown) >= len(filled) - 1 and (moved > 0 or grown > 1)


def _repeated(one: Cue, two: Cue) -> tuple[int, str]:
    """How many first lines of a cue repeat the last ones of the cue before, and the words that
    were added to the last of them where it has grown."""
    # after a pause the line before is still there if only the words below it have times
    if two.begin > one.end + _GAP_S and not (two.inline and len(two.lines) > 1):
        return 0, ""
    for size in range(min(len(one.lines), len(two.lines)), 0, -1):
        foot, head = one.lines[-size:], two.lines[:size]
        if foot == head:
            return size, ""
        if foot[:-1] == head[:-1] and head[-1].startswith(foot[-1] + " "):
            return size, head[-1][len(foot[-1]) + 1 :]
    return 0, ""
