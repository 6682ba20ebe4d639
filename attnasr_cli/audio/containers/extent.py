"""Which recordings a file holds, from its first byte to its last."""

from __future__ import annotations

import os
from dataclasses import replace

from attnasr_cli.audio.containers import amr, boxes, flac, matroska, mpeg, ogg, sized, wav
from attnasr_cli.audio.containers.view import Part, View

MOST_PARTS = 100_000


def examine(path: str | os.PathLike[str], headers_only: bool = False) -> list[Part]:
    """The parts of a file, in order; one for all that were not joined. Raises OSError.

    ``headers_only``: quickly, without a search for what was joined or lost further on.
    """
    with View(path, headers_only) as view:
        parts: list[Part] = []
        offset = 0
        while offset < view.size and len(parts) < MOST_PARTS:
            part = _part(view, offset)
            if parts and not part.kind:
                break  # a tag or padding behind the last one
            parts.append(part)
            offset = max(part.end, offset + 1)
        return parts


def _part(view: View, start: int) -> Part:
    """The part that begins at ``start``; its kind is "" where the format is not known here."""
    if wav.is_wav(view, start):
        return wav.walk(view, start)
    if ogg.is_ogg(view, start):
        return ogg.walk(view, start)
    if matroska.is_matroska(view, start):
        return matroska.walk(view, start)
    if sized.kind_of(view, start):
        return sized.walk(view, start)
    if boxes.is_boxes(view, start):
        return boxes.walk(view, start)
    if amr.is_amr(view, start):
        return amr.walk(view, start)
    tagged = mpeg.after_tags(view, start)
    if flac.is_flac(view, tagged):
        return replace(flac.walk(view, tagged), start=start)
    first = mpeg.first_frame(view, start)
    if first is not None:
        return mpeg.walk(view, start, first)
    # libsndfile would take what only begins like MPEG for MP3, and complain to stderr by itself.
    return Part("mpeg" if mpeg.begins_like(view, start) else "", start, view.size)
