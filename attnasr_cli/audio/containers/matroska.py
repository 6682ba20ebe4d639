"""Matroska and WebM (RFC 9559): an EBML header, then one segment whose size may be unknown.

A browser's MediaRecorder writes no size and no duration: such a file ends where its bytes end.
"""

from __future__ import annotations

from attnasr_cli.audio.containers.view import SMALL_MISSING, Part, View, cut_off

MAGIC = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"


def is_matroska(view: View, start: int) -> bool:
    head = view.at(start, 64)
    return head[:4] == MAGIC and (b"matroska" in head or b"webm" in head)


def walk(view: View, start: int) -> Part:
    header, length = _size(view, start + 4)
    segment = start + 4 + length + (header or 0)
    size, length = _size(view, segment + 4)
    if header is None or view.at(segment, 4) != SEGMENT:
        return Part("matroska", start, view.size)
    content = segment + 4 + length
    if size is None:
        return Part("matroska", start, _next(view, content))
    there = view.size - content
    if size > there:
        if size - there > SMALL_MISSING:
            return Part("matroska", start, view.size, damage=cut_off(there, size))
        text = f"its header says {size - there} bytes more than there are"
        return Part("matroska", start, view.size, warnings=(text,))
    end = content + size
    return Part("matroska", start, end if is_matroska(view, end) else view.size)


def _size(view: View, offset: int) -> tuple[int | None, int]:
    """A number of variable length → (value, its bytes); None is the mark of an unknown size."""
    first = view.at(offset, 1)
    if not first or not first[0]:
        return None, 1
    length = 9 - first[0].bit_length()
    value = int.from_bytes(view.at(offset, length), "big") & ((1 << 7 * length) - 1)
    return (None if value == (1 << 7 * length) - 1 else value), length


def _next(view: View, start: int) -> int:
    """The start of the next file that was joined to this one."""
    while True:
        found = view.find(MAGIC, start)
        if found < 0:
            return view.size
        if is_matroska(view, found):
            return found
        start = found + 1
