"""MP4, M4A, MOV and 3GP (ISO 14496-12): a chain of boxes ``size type content``."""

from __future__ import annotations

from attnasr_cli.audio.containers.view import SMALL_MISSING, Part, View, cut_off

TYPES = (b"ftyp", b"moov", b"mdat", b"styp", b"moof", b"sidx", b"wide", b"pnot")
UNIMPORTANT = (b"free", b"skip", b"uuid", b"udta", b"meta", b"mfra", b"wide")


def is_boxes(view: View, start: int) -> bool:
    return view.at(start + 4, 4) in TYPES


def walk(view: View, start: int) -> Part:
    """The film that begins at ``start``; another ``ftyp`` after its sound begins the next one."""
    offset, filled, contents = start, False, False
    while offset < view.size:
        head = view.at(offset, 16)
        kind, size = head[4:8], int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        elif size == 0:
            size = view.size - offset
        if size < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            break  # something else was appended
        if kind == b"ftyp" and filled:
            return Part("mp4", start, offset)
        filled = filled or kind in (b"mdat", b"moof")
        there = view.size - offset
        if size > there and kind not in UNIMPORTANT:
            if size - there <= SMALL_MISSING and kind == b"mdat" and contents:
                text = f"its header says {size - there} bytes more than there are"
                return Part("mp4", start, view.size, warnings=(text,))
            damage = cut_off(there, size)
            if not contents:
                damage += ", and its table of contents, which stands at the end, is not"
            return Part("mp4", start, view.size, damage=damage, hopeless=not contents)
        contents = contents or kind == b"moov"
        offset += size
    return Part("mp4", start, view.size)
