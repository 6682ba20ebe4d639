"""Splits the tokens of a window at timestamps, and says where the next window starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.families.whisper.decode.timing import Span
from attnasr_cli.families.whisper.vocabulary import TIMESTAMP_S

FRAMES_PER_TIMESTAMP = 2  # 20 ms


@dataclass(frozen=True)
class Cut:
    """The spans of one window."""

    spans: list[Span]
    """times in seconds from the start of the window"""
    advance: int
    """frames after which the next window starts in sequential mode"""
    ended: bool
    """whether the last timestamp says that no speech follows in the window"""


def cut(tokens: Sequence[int], begin: int, frames: int, keep_rest: bool = False) -> Cut:
    """Cut at pairs of timestamps (tokens ≥ ``begin``) a window with ``frames`` of audio.

    Text after the last pair is unfinished: it is left for the next window, or kept with
    ``keep_rest``.
    """
    stamps = [token >= begin for token in tokens]
    ended = stamps[-2:] == [False, True]
    pairs = [i + 1 for i in range(len(tokens) - 1) if stamps[i] and stamps[i + 1]]
    if not pairs:
        times = [token for token in tokens if token >= begin]
        end = frames / FRAMES_PER_S
        if times and times[-1] != begin:
            end = (times[-1] - begin) * TIMESTAMP_S
        return Cut([Span(0.0, end, list(tokens))], frames, ended)
    if ended:
        pairs.append(len(tokens))
    spans: list[Span] = []
    last = 0
    for here in pairs:
        piece = list(tokens[last:here])
        start, end = ((token - begin) * TIMESTAMP_S for token in (piece[0], piece[-1]))
        spans.append(Span(start, end, piece))
        last = here
    advance = frames if ended else (tokens[last - 1] - begin) * FRAMES_PER_TIMESTAMP
    rest = list(tokens[last:])
    if keep_rest and any(token < begin for token in rest):
        spans.append(Span((rest[0] - begin) * TIMESTAMP_S, frames / FRAMES_PER_S, rest))
    return Cut(spans, advance, ended)
