"""Formats of which only one thing is looked at: where they end by their header.

AIFF, AU, CAF, Wave64, AVI and ASF (WMA, WMV). A size of zero or of all ones means that the writer
could not go back to fill it in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attnasr_cli.audio.containers.view import SMALL_MISSING, Part, View, cut_off

PADDING_BYTES = 8
UNKNOWN_WIDE = 1 << 62
"""sizes of 64 bits from here on were never filled in"""
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
W64 = b"riff\x2e\x91\xcf\x11"
Sizes = tuple[int, int] | None
"""(offset and bytes of what matters most), or None where nothing is said"""


def kind_of(view: View, start: int) -> str:
    """aiff, au, caf, w64, avi or asf; "" for anything else."""
    head = view.at(start, 16)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head == ASF:
        return "asf"
    if head[:8] == W64:
        return "w64"
    return {b".snd": "au", b"caff": "caf"}.get(head[:4], "")


def walk(view: View, start: int) -> Part:
    """The recording that begins at ``start``, up to the next one of its kind."""
    kind = kind_of(view, start)
    found = _SIZES[kind](view, start)
    if found is None:
        return Part(kind, start, view.size)
    place, said = found
    there = view.size - place
    if said - there > SMALL_MISSING:
        return Part(kind, start, view.size, damage=cut_off(there, said))
    end = place + said
    while view.at(end, 1) == b"\0" and end - place - said < PADDING_BYTES:
        end += 1
    return Part(kind, start, end if kind_of(view, end) == kind else view.size)


def _aiff(view: View, start: int) -> Sizes:
    """The sound, and behind it more chunks up to the end of the form."""
    sound = _chunk(view, start + 12, b"SSND", "big")
    if sound is None or sum(sound) > view.size:
        return sound
    whole = 8 + int.from_bytes(view.at(start + 4, 4), "big")
    return (start, whole) if sum(sound) <= start + whole <= view.size else sound


def _avi(view: View, start: int) -> Sizes:
    """Long films are several RIFF chunks in a row, of which only the first is AVI."""
    offset = start
    while True:
        size = int.from_bytes(view.at(offset + 4, 4), "little")
        end = offset + 8 + size + size % 2
        if size == 0 or (size >= 0x7FFF_0000 and end > view.size):
            return None
        if end >= view.size or view.at(end + 8, 4) != b"AVIX":
            return offset + 8, size
        offset = end


def _asf(view: View, start: int) -> Sizes:
    place = view.find(ASF_PROPERTIES, start, start + (1 << 20))
    if place < 0:
        return None
    content = view.at(place, 104)
    size = int.from_bytes(content[40:48], "little")
    streamed = bool(content[88] & 1) if len(content) > 88 else True
    return None if streamed or not size else (start, size)


def _au(view: View, start: int) -> Sizes:
    head = view.at(start, 12)
    offset, size = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return None if size in (0, 0xFFFF_FFFF) else (start + offset, size)


def _caf(view: View, start: int) -> Sizes:
    """Chunks up to the last one, of which the sound is the largest."""
    offset, found = start + 8, None
    while True:
        head = view.at(offset, 12)
        if len(head) < 12 or head[:4] == b"caff":
            return found if len(head) < 12 else (start, offset - start)
        size = int.from_bytes(head[4:], "big", signed=True)
        if size < 0:
            return found
        if head[:4] == b"data":
            found = (offset + 12, size)
        offset += 12 + size


def _w64(view: View, start: int) -> Sizes:
    offset = start + 40
    while True:
        head = view.at(offset, 24)
        size = int.from_bytes(head[16:24], "little")
        if len(head) < 24 or size < 24:
            return None
        if head[:4] == b"data":
            return None if size >= UNKNOWN_WIDE else (offset + 24, size - 24)
        offset += (size + 7) // 8 * 8


def _chunk(view: View, offset: int, name: bytes, order: Literal["little", "big"]) -> Sizes:
    """The first chunk of a name in a chain that begins at ``offset``."""
    while True:
        head = view.at(offset, 8)
        size = int.from_bytes(head[4:], order)
        if len(head) < 8:
            return None
        if head[:4] == name:
            return None if size >= 0xFFFF_0000 else (offset + 8, size)
        offset += 8 + size + size % 2


_SIZES: dict[str, Callable[[View, int], Sizes]] = {
    "aiff": _aiff,
    "avi": _avi,
    "asf": _asf,
    "au": _au,
    "caf": _caf,
    "w64": _w64,
}
