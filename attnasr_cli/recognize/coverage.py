"""Whether all speech of a segment came out as text, and what to decode again where it did not.

A decoder may end its text before the speech of its segment ends, or skip a part of it. What it
wrote has times, and speech was detected: the difference is decoded again as a segment of its own,
from where the text ended. What has no text even then is named in the transcript.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.segment import Speech
from attnasr_cli.families.base import Decoded

Span = tuple[float, float]
"""(start, end) in seconds of the recording"""

SLACK_S = 0.3
"""how far the times of words and of detected speech may be off"""
LEAST_S = 0.6
"""less speech than this, beyond the slack, is a breath or the end of a word"""
ROUNDS = 8
"""a stretch is decoded again at most so often, each time from where its text ended"""
FRAME = 320  # samples, 20 ms: the grid on which a quiet point is looked for


def said(start_s: float, decoded: Decoded) -> list[Span]:
    """Where the text of a segment that begins at ``start_s`` stands in the recording."""
    return [(start_s + p.start, start_s + p.end) for p in decoded.pieces if p.text.strip()]


def uncovered(spoken: Sequence[Span], text: Sequence[Span]) -> list[Span]:
    """The stretches of speech that no text stands for, in order.

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
    """What is left of ``spoken`` without ``covered``; both in order."""
    for begin, end in spoken:
        for a, b in covered:
            if b > begin and a < end:
                if a > begin:
                    yield begin, a
                begin = max(begin, b)
        if begin < end:
            yield begin, end


def rests(speech: Speech, decoded: Decoded, pad_s: float) -> list[Speech]:
    """The parts of a segment that are to be decoded again, each with ``pad_s`` around its speech
    but nothing of the text beside it.

    None where no text was found at all: the same would come again.
    """
    text = said(speech.start_s, decoded)
    if not text:
        return []
    found = []
    for start, end in uncovered(speech.spoken, text):
        before = max((b for _, b in text if b <= start), default=speech.start_s)
        after = min((a for a, _ in text if a >= end), default=speech.start_s + speech.duration_s)
        first, last = max(start - pad_s, before), min(end + pad_s, after)
        if start - before <= SLACK_S + 1e-6:  # nobody paused: the word before may end a bit later
            first = _quietest(speech, before - SLACK_S / 2, start)
        if after - end <= SLACK_S + 1e-6:
            last = _quietest(speech, end, after + SLACK_S / 2)
        found.append(_part(speech, first, last))
    return found


def in_order(parts: list[tuple[float, Decoded]]) -> list[tuple[float, Decoded]]:
    """(start of a segment, what was heard) of a segment and of what was decoded again in it, as
    parts that follow each other: where there are several, each has one piece of text."""
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
