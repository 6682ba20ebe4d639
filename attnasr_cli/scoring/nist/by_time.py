"""Pairing by time as in sclite: ctm words with stm segments, or ctm with ctm."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.nist.notation import text_of
from attnasr_cli.scoring.types import Channels, Pair, StmSegment, Texts, TimedWord

Key = tuple[str, str]  # file, channel
_CHUNK = 50  # words in a chunk of ctm against ctm, about
_NEVER = 999999.99  # seconds: after the last word there is silence for ever


def by_segment(ref: Texts, hyp: Texts, words: dict[Key, list[TimedWord]]) -> list[Pair]:
    """Pair every stm segment with the words said in it.

    A word belongs to the first segment that ends after the word's middle; the last segment of a
    channel takes what is left. Segments marked to be ignored take their words with them.
    """
    pairs = []
    for key, segments in _segments_by_channel(ref.segments).items():
        said, at = words.get(key), 0
        for number, segment in enumerate(segments):
            taken, at = _take(said or [], at, segment, last=number == len(segments) - 1)
            if segment.ignored:
                continue
            name = f"{segment.file}/{segment.channel}@{segment.begin:.2f}-{segment.end:.2f}"
            columns = {"file": key[0], "channel": key[1], "speaker": segment.speaker}
            if segment.label:
                columns["label"] = segment.label
            where = f"{ref.path}:{segment.line}: "
            text = text_of(taken)
            pairs.append(Pair(name, segment.text, text, columns, True, said is None, where))
    return pairs


def _segments_by_channel(segments: list[StmSegment]) -> dict[Key, list[StmSegment]]:
    groups: dict[Key, list[StmSegment]] = {}
    for segment in segments:
        groups.setdefault((segment.file, segment.channel), []).append(segment)
    return groups


def _take(
    words: list[TimedWord], at: int, segment: StmSegment, last: bool
) -> tuple[list[TimedWord], int]:
    """The words from index ``at`` that fall into a segment, and the index after them."""
    if last:
        return words[at:], len(words)
    start = at
    # sclite keeps the times of an stm in single precision, which decides for words on the edge
    (end,) = struct.unpack("f", struct.pack("f", segment.end))
    while at < len(words):
        stop = at + 1
        if words[at].alternative:
            while words[stop - 1].word != "<ALT_END>":
                stop += 1
        middle = max((w.middle for w in words[at:stop] if w.word[:4] != "<ALT"), default=0.0)
        if middle >= end:
            break
        at = stop
    return words[start:at], at


def by_chunk(ref: Texts, words: dict[Key, list[TimedWord]]) -> list[Pair]:
    """ctm against ctm: cut where both are silent, about every 50 words."""
    pairs = []
    for key, mine in ref.channels.items():
        said = words.get(key)
        other = said or []
        r = h = number = 0
        while r < len(mine) or h < len(other):
            size, cut = _CHUNK, None
            while cut is None:
                cut = _cut(mine, other, r, h, size)
                size *= 2
            name = f"{key[0]}/{key[1]}-{number:04d}"
            columns = {"file": key[0], "channel": key[1]}
            where = f"{ref.path}:{mine[r].line}: " if r < len(mine) else f"{ref.path}: "
            chunk, heard = text_of(mine[r : cut[0]]), text_of(other[h : cut[1]])
            pairs.append(Pair(name, chunk, heard, columns, True, said is None, where))
            (r, h), number = cut, number + 1
    return pairs


def _cut(
    ref: list[TimedWord], hyp: list[TimedWord], r0: int, h0: int, size: int
) -> tuple[int, int] | None:
    """Where the next chunk ends on both sides (exclusive); None: look at more words."""
    r_last, h_last = len(ref) - 1, len(hyp) - 1
    if r_last - r0 < size and h_last - h0 < size:
        return len(ref), len(hyp)
    if r0 > r_last or h0 > h_last:  # one side is done
        return len(ref), len(hyp)
    walk = _Walk(ref, hyp, r0, h0, min(r0 + size, r_last), min(h0 + size, h_last))
    walk.level()
    while walk.r > r0 and walk.h > h0:
        ref_gap = ref[walk.r].end, _NEVER if walk.r == r_last else ref[walk.r + 1].begin
        hyp_gap = hyp[walk.h].end, _NEVER if walk.h == h_last else hyp[walk.h + 1].begin
        if _overlap(ref_gap, hyp_gap) >= 0:
            break
        walk.step()
    return (walk.r + 1, walk.h + 1) if walk.r > r0 or walk.h > h0 else None


@dataclass(slots=True)
class _Walk:
    """The last words of a chunk on both sides, walking back to a silence that both share."""

    ref: list[TimedWord]
    hyp: list[TimedWord]
    r0: int
    h0: int
    r: int
    h: int

    def level(self) -> None:
        """Walk back on the side that is ahead until the two last words overlap in time."""
        while self.r >= self.r0 and self.ref[self.r].alternative:
            self.r -= 1
        again = True
        while again:
            again = False
            if self._ahead() > 0:
                again = self._ref_to_hyp()
            else:
                self._hyp_to_ref()

    def step(self) -> None:
        """One word back on the later side; then the other side follows."""
        again = True
        while again:
            again = False
            if self._ahead() > 0:
                if self.r > self.r0:
                    again = self._ref_back()
                if not again:
                    self._hyp_to_ref()
            else:
                self.h -= self.h > self.h0
                again = self._ref_to_hyp()

    def _ahead(self) -> float:
        """Seconds by which the last reference word begins later; 0 where a side has none."""
        if self.r < self.r0 or self.h < self.h0:
            return 0.0
        return self.ref[self.r].begin - self.hyp[self.h].begin

    def _apart(self) -> bool:
        return _overlap(_span(self.ref[self.r]), _span(self.hyp[self.h])) < 0

    def _ref_back(self) -> bool:
        """One reference word back, over alternatives; whether there were any."""
        self.r -= 1
        start = self.r
        while self.r >= self.r0 and self.ref[self.r].alternative:
            self.r -= 1
        return self.r != start

    def _ref_to_hyp(self) -> bool:
        while self._ahead() > 0 and self._apart():
            if self._ref_back():
                return True
        return False

    def _hyp_to_ref(self) -> None:
        while self._ahead() < 0 and self._apart():
            self.h -= 1


def _span(word: TimedWord) -> tuple[float, float]:
    return word.begin, word.end


def _overlap(one: tuple[float, float], two: tuple[float, float]) -> float:
    """Seconds that two stretches share; negative is the distance between them."""
    return min(one[1], two[1]) - max(one[0], two[0])


def match_channels(wanted: list[Key], ref: Texts, hyp: Texts) -> dict[Key, list[TimedWord]]:
    """The hypothesis' words for each (file, channel) of the reference.

    A file with one channel on both sides is paired whatever the channels are called.
    """
    if not hyp.channels and any(u.text.strip() for u in hyp.utterances):
        raise DataError(
            f"{hyp.path}: {hyp.kind} has no word times, and {ref.path} ({ref.kind}) is scored"
            " by time",
            "give a ctm, or json with word times (attnasr transcribe --format ctm)",
        )
    found: Channels = {}
    for key in wanted:
        if key in hyp.channels:
            found[key] = hyp.channels[key]
            continue
        here = {k for k in wanted if k[0] == key[0]}
        there = [k for k in hyp.channels if k[0] == key[0]]
        if len(here) == 1 and len(there) == 1:
            found[key] = hyp.channels[there[0]]
    return found
