"""Formats of which only one thing is looked at: whether the file is as long as its header says.

AIFF, AU, CAF, Wave64, AVI and ASF (WMA, WMV). A size of zero or of all ones means that the writer
could not go back to fill it in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attnasr_cli.audio.containers.view import SMALL_MISSING, Part, View, cut_off

ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
W64 = b"riff\x2e\x91\xcf\x11"
Sizes = tuple[int, int] | None
"""(bytes said, bytes there) of what matters, or None where nothing is said"""


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
    kind = kind_of(view, start)
    part = Part(kind, start, view.size)
    found = _SIZES[kind](view, start)
    if found is None or found[0] - found[1] <= SMALL_MISSING:
        return part
    return Part(kind, start, view.size, damage=cut_off(found[1], found[0]))


def _aiff(view: View, start: int) -> Sizes:
    return _chunk(view, start + 12, b"SSND", "big")


def _avi(view: View, start: int) -> Sizes:
    """Long films are several RIFF chunks in a row."""
    offset = start
    while view.at(offset, 4) == b"RIFF":
        size = int.from_bytes(view.at(offset + 4, 4), "little")
        there = view.size - offset - 8
        if size > there:
            return None if size >= 0x7FFF_0000 else (size, there)
        if size == 0:
            return None
        offset += 8 + size + size % 2
    return None


def _asf(view: View, start: int) -> Sizes:
    place = view.find(ASF_PROPERTIES, start, start + (1 << 20))
    if place < 0:
        return None
    content = view.at(place, 104)
    size = int.from_bytes(content[40:48], "little")
    streamed = bool(content[88] & 1) if len(content) > 88 else True
    return None if streamed or not size else (size, view.size - start)


def _au(view: View, start: int) -> Sizes:
    head = view.at(start, 12)
    offset, size = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    return None if size == 0xFFFF_FFFF else (size, view.size - start - offset)


def _caf(view: View, start: int) -> Sizes:
    offset = start + 8
    while True:
        head = view.at(offset, 12)
        if len(head) < 12:
            return None
        size = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"data":
            return None if size < 0 else (size, view.size - offset - 12)
        offset += 12 + max(size, 0)


def _w64(view: View, start: int) -> Sizes:
    offset = start + 40
    while True:
        head = view.at(offset, 24)
        size = int.from_bytes(head[16:24], "little")
        if len(head) < 24 or size < 24:
            return None
        if head[:4] == b"data":
            return size - 24, view.size - offset - 24
        offset += (size + 7) // 8 * 8


def _chunk(view: View, offset: int, name: bytes, order: Literal["little", "big"]) -> Sizes:
    """The first chunk of a name in a chain that begins at ``offset``."""
    while True:
        head = view.at(offset, 8)
        size = int.from_bytes(head[4:], order)
        if len(head) < 8:
            return None
        if head[:4] == name:
            there = view.size - offset - 8
            return None if size >= 0xFFFF_0000 else (size, there)
        offset += 8 + size + size % 2


_SIZES: dict[str, Callable[[View, int], Sizes]] = {
    "aiff": _aiff,
    "avi": _avi,
    "asf": _asf,
    "au": _au,
    "caf": _caf,
    "w64": _w64,
}
