"""Finds speech for which a decoder wrote no text, and what to decode again.

A decoder may end its text before the speech of its segment ends, or skip a part of it. The text has
times and so has the detected speech: where speech has no text, that part is decoded again as a
segment of its own, from where the text ended. What has no text even then is reported in the
transcript.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.segment import Speech
from attnasr_cli.families.base import Decoded, Piece
from attnasr_cli.recognize.jobs import SegmentResult, Span

SLACK_S = 0.3
"""tolerance between the times of words and of detected speech"""
LEAST_S = 0.6
"""less speech without text than this, beyond the slack, is taken for a breath or the end of a
word"""
EDGE_S = 0.1
"""silence kept around a text, as speech is detected a little late"""
FRAGMENT_S = 4.0
"""a beginning of a sentence up to this long is decoded again together with the speech after it"""
SENTENCE_END = ".。!！?？…"
CLOSING = "\"'”’)]» "
ROUNDS = 8
"""how often a stretch is decoded again at most, each time from where its text ended"""
FRAME = 320  # samples, 20 ms: the grid on which the quietest point is searched


def text_spans(start_s: float, decoded: Decoded) -> list[Span]:
    """The times in the recording of the text of a segment that begins at ``start_s``."""
    return [(start_s + p.start, start_s + p.end) for p in decoded.pieces if p.text.strip()]


def uncovered(spoken: Sequence[Span], text: Sequence[Span]) -> list[Span]:
    """The stretches of speech without text, in order.

    Stretches with no text between them count as one; each has at least LEAST_S of speech.
    """
    groups: list[list[Span]] = []
    for a, b in _difference(spoken, sorted((a - SLACK_S, b + SLACK_S) for a, b in text)):
        apart = groups and any(groups[-1][-1][1] <= (c + d) / 2 <= a for c, d in text)
        if groups and not apart:
            groups[-1].append((a, b))
        else:
            groups.append([(a, b)])
    return [(g[0][0], g[-1][1]) for g in groups if sum(b - a for a, b in g) >= LEAST_S]


def _difference(spoken: Sequence[Span], covered: Sequence[Span]) -> Iterator[Span]:
    """``spoken`` minus ``covered``, both in order."""
    for begin, end in spoken:
        for a, b in covered:
            if b > begin and a < end:
                if a > begin:
                    yield begin, a
                begin = max(begin, b)
        if begin < end:
            yield begin, end


@dataclass
class Rest:
    """A part of a segment that is to be decoded again."""

    speech: Speech
    instead: Decoded
    """the text of the first decoding, kept where the second one has none better; its times count
    from ``start_s``"""
    start_s: float
    round: int = 1
    """how often that stretch has been decoded so far"""


class Coverage:
    """One segment, its text so far, and the parts of it that are still to be decoded."""

    def __init__(self, speech: Speech, pad_s: float) -> None:
        self.speech, self.pad_s = speech, pad_s
        self.parts: list[tuple[float, Decoded]] = []
        self.waiting = 1

    def take(self, speech: Speech, decoded: Decoded, rest: Rest | None = None) -> list[Rest]:
        """Take the result of the segment, or of a ``rest`` of it, and return what to decode
        again."""
        self.waiting -= 1
        before = rest.instead if rest else None
        if rest and before and before.pieces and (decoded.suspect or not decoded.pieces):
            self.parts.append((rest.start_s, before))
            return []
        if rest and rest.round >= ROUNDS:
            self.parts.append((speech.start_s, decoded))
            return []
        kept, again = rests(speech, decoded, self.pad_s)
        self.parts.append((speech.start_s, kept))
        self.waiting += len(again)
        return [replace(r, round=rest.round + 1) for r in again] if rest else again

    def outcome(self) -> SegmentResult | None:
        """The result of the whole segment, or None while parts are still to be decoded."""
        if self.waiting:
            return None
        spoken = self.speech.spoken
        text = [span for start_s, decoded in self.parts for span in text_spans(start_s, decoded)]
        parts = [(start_s, trimmed(start_s, d, spoken)) for start_s, d in self.parts]
        return SegmentResult(sorted_by_time(parts), uncovered(spoken, text))


def rests(speech: Speech, decoded: Decoded, pad_s: float) -> tuple[Decoded, list[Rest]]:
    """The part of a segment's text to keep, and the parts to decode again, each with ``pad_s`` of
    padding around its speech.

    Everything after the first stretch without text is decoded again: a decoder that skipped speech
    writes nonsense on both sides of the gap. A segment without any text is not decoded again, as
    the result would be the same.
    """
    text = text_spans(speech.start_s, decoded)
    gaps = uncovered(speech.spoken, text) if text else []
    if not gaps:
        return decoded, []
    found = []
    if gaps[0][1] <= text[0][0]:  # the text begins late
        start, end = gaps.pop(0)
        last = text[0][0]
        if last - end <= SLACK_S + 1e-6:
            last = _quietest(speech, end, last + SLACK_S / 2)
        part = _part(speech, start - pad_s, min(end + pad_s, last))
        found.append(Rest(part, replace(decoded, pieces=[]), speech.start_s))
    kept = decoded.pieces
    if gaps:
        kept, parts = _behind(speech, decoded, gaps[0][0] - speech.start_s, pad_s)
        found += parts
    return replace(decoded, pieces=kept), found


def _behind(
    speech: Speech, decoded: Decoded, gap_s: float, pad_s: float
) -> tuple[list[Piece], list[Rest]]:
    """The pieces before a stretch without text that begins ``gap_s`` into a segment, and the parts
    to decode again from there on."""
    pieces = decoded.pieces
    count = max(sum(piece.start <= gap_s for piece in pieces), 1)
    broken = count < len(pieces) and _fragment(pieces[count - 1])
    if broken and count > 1:
        count -= 1
        broken = False
    if count > 1 and _begins_the_speech(speech, pieces[count - 1]):
        count -= 1
        broken = False
    at = speech.start_s + pieces[count - 1].end
    kept, found = pieces[:count], []
    if broken:  # the very first sentence: decode it by itself, if a pause ends it
        pause = next((end for end, _ in _pauses(speech) if end >= at), None)
        if pause is not None:
            first = _part(speech, speech.start_s, pause + pad_s)
            found.append(Rest(first, replace(decoded, pieces=kept), speech.start_s))
            kept, at = [], pause
    later = replace(decoded, pieces=pieces[count:])
    return kept, [*found, Rest(_from(speech, at, pad_s), later, speech.start_s)]


def _fragment(piece: Piece) -> bool:
    """Whether a piece is a sentence that breaks off after a few words."""
    ended = piece.text.rstrip(CLOSING)[-1:] in SENTENCE_END
    return not ended and piece.end - piece.start <= FRAGMENT_S


def _begins_the_speech(speech: Speech, piece: Piece) -> bool:
    """Whether a short piece is all the text of its speech since a pause, and the speech goes on.

    It may belong behind what was jumped over, as "Bravo!" in the place of a whole sentence, and
    what is decoded again had better begin at a pause.
    """
    begin_s, end_s = speech.start_s + piece.start, speech.start_s + piece.end
    return end_s - begin_s <= FRAGMENT_S and any(
        abs(a - begin_s) <= SLACK_S and b > end_s + SLACK_S for a, b in speech.spoken[1:]
    )


def _pauses(speech: Speech) -> list[Span]:
    return [(b, a) for (_, b), (a, _) in pairwise(speech.spoken)]


def _from(speech: Speech, text_end_s: float, pad_s: float) -> Speech:
    """The part of a segment after the end of its text: from the next speech on, or, where there is
    no pause, from the quietest moment nearby, as the last word may end a little earlier or
    later."""
    after = [max(a, text_end_s) for a, b in speech.spoken if b > text_end_s + SLACK_S]
    first = after[0] if after else text_end_s
    if first - text_end_s <= SLACK_S:
        first = _quietest(speech, text_end_s - SLACK_S / 2, text_end_s + SLACK_S)
    else:
        first = max(first - pad_s, text_end_s)
    return _part(speech, first, speech.start_s + speech.duration_s)


def trimmed(start_s: float, decoded: Decoded, spoken: Sequence[Span]) -> Decoded:
    """The text of a segment that begins at ``start_s``, with times that leave out the silence
    before the first and after the last word of each piece, which decoders include."""
    pieces = []
    for piece in decoded.pieces:
        begin, end = start_s + piece.start, start_s + piece.end
        inside = [(a, b) for a, b in spoken if a < end and b > begin]
        if inside:
            begin = max(begin, inside[0][0] - EDGE_S) - start_s
            end = min(end, inside[-1][1] + EDGE_S) - start_s
            words = [
                replace(w, start=min(max(w.start, begin), end), end=max(min(w.end, end), begin))
                for w in piece.words
            ]
            piece = replace(piece, start=begin, end=end, words=words)
        pieces.append(piece)
    return replace(decoded, pieces=pieces)


def sorted_by_time(parts: list[tuple[float, Decoded]]) -> list[tuple[float, Decoded]]:
    """Parts (start in seconds, result) of a segment and of what was decoded again in it, ordered by
    the time of their text. Where there are several, each has one piece of text."""
    if len(parts) == 1:
        return parts
    single = [
        (start_s, replace(decoded, pieces=[piece]))
        for start_s, decoded in parts
        for piece in decoded.pieces
    ]
    return sorted(single, key=lambda part: part[0] + part[1].pieces[0].start) or parts[:1]


def _part(speech: Speech, first_s: float, last_s: float) -> Speech:
    """The part of a segment between two moments, as a segment of its own."""
    a, b = (round((t - speech.start_s) * SAMPLE_RATE_HZ) for t in (first_s, last_s))
    inside = [(max(c, first_s), min(d, last_s)) for c, d in speech.spoken]
    spoken = tuple((c, d) for c, d in inside if c < d)
    start = max(a, 0)
    return Speech(speech.start_s + start / SAMPLE_RATE_HZ, speech.samples[start:b], spoken)


def _quietest(speech: Speech, first_s: float, last_s: float) -> float:
    """The quietest moment between two, within the segment."""
    a, b = (round((t - speech.start_s) * SAMPLE_RATE_HZ) for t in (first_s, last_s))
    a, b = max(a, 0), min(b, speech.samples.shape[0])
    frames = (b - a) // FRAME
    if frames < 1:
        return min(max(first_s, speech.start_s), speech.start_s + speech.duration_s)
    energy = speech.samples[a : a + frames * FRAME].view(frames, FRAME).square().mean(1)
    middle = a + (int(torch.argmin(energy)) + 0.5) * FRAME
    return speech.start_s + middle / SAMPLE_RATE_HZ
