"""WAV in all its dialects: RIFF, RIFX, RF64 and BW64, with the sizes that recorders get wrong.

``RIFF size WAVE``, then chunks ``id size content``, each padded to an even length; ``data`` has the
audio. A writer that cannot go back leaves a size of 0 or of all ones; RF64 keeps sizes of 64 bits
in a chunk ``ds64`` (EBU Tech 3306).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from attnasr_cli.audio.containers.view import SMALL_MISSING, Part, View, cut_off

FORMS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
UNKNOWN = 0xFFFF_FFFF
UNKNOWN_WIDE = 1 << 62
STREAMED = 0x7FFF_0000
"""sizes from here on that exceed the file mean that its writer could not go back to fill them in"""
MPEG = (0x50, 0x55)
"""codings that libsndfile leaves to libmpg123, which guesses and complains to stderr by itself"""
LITTLE_S = 0.2
"""a header may be off by this much; more that is missing was cut off"""
TAGS = (b"TAG", b"ID3", b"APETAGEX")


@dataclass
class _Header:
    order: Literal["little", "big"]
    size_at: int
    """offset of the 32-bit size of ``data``"""
    data: int = 0
    """offset of the audio"""
    said: int = 0
    """its size by the header"""
    coding: int = 0
    byte_rate: int = 0
    align: int = 1
    wide_at: int = 0
    """offset of the 64-bit sizes in ``ds64``; 0 where there is none"""


def is_wav(view: View, start: int) -> bool:
    head = view.at(start, 12)
    return head[:4] in FORMS and head[8:12] == b"WAVE"


def walk(view: View, start: int) -> Part:
    """The WAV that begins at ``start``; what follows its end is another recording."""
    whole = Part("wav", start, view.size)
    header = _header(view, start)
    if header is None:
        return whole
    whole = replace(whole, beyond_libsndfile=header.coding in MPEG)
    there = view.size - header.data
    if header.said > there:
        if header.said >= UNKNOWN_WIDE:
            return replace(whole, patches=_sized(header, start, view.size))
        if header.said >= STREAMED and not header.wide_at:
            return replace(whole, end=_next(view, header.data))
        return _short(whole, header, there)
    after = header.data + header.said
    if header.said:
        following = _following(view, after)
        if following is not None:
            return _in_pieces(view, replace(whole, end=following), header)
        rest = view.size - after
        if rest <= SMALL_MISSING:
            return whole
        what = f"{header.said} bytes of audio where {there} are"
    else:
        if there <= 1 or _following(view, after) is not None:
            return whole  # no audio, truly
        what = "0 bytes of audio"
    end = _next(view, header.data)
    text = f"its header says {what}, as a recorder leaves it that was stopped: all of it is read"
    return replace(whole, end=end, patches=_sized(header, start, end), warnings=(text,))


def _header(view: View, start: int) -> _Header | None:
    """Chunks up to the audio; None where there is none."""
    order: Literal["little", "big"] = "big" if view.at(start, 4) == b"RIFX" else "little"
    header = _Header(order, 0)
    offset, wide = start + 12, 0
    while True:
        head = view.at(offset, 8)
        if len(head) < 8 or not _is_id(head[:4]):
            return None
        size = int.from_bytes(head[4:], order)
        if head[:4] == b"data":
            break
        content = view.at(offset + 8, 24)
        if head[:4] == b"ds64":
            header.wide_at, wide = offset + 8, int.from_bytes(content[8:16], "little")
        elif head[:4] == b"fmt ":
            header.coding = int.from_bytes(content[:2], order)
            header.byte_rate = int.from_bytes(content[8:12], order)
            align = int.from_bytes(content[12:14], order)
            header.align = max(align, 1)
        offset += 8 + size + size % 2
    header.size_at, header.data = offset + 4, offset + 8
    header.said = wide if header.wide_at and size == UNKNOWN else size
    return header


def _short(whole: Part, header: _Header, there: int) -> Part:
    """The header promises more than there is: a little, or the file was cut off."""
    missing = header.said - there
    if missing <= max(LITTLE_S * header.byte_rate, SMALL_MISSING):
        text = f"its header says {missing} bytes of audio more than there are"
        return replace(whole, patches=_sized(header, whole.start, whole.end), warnings=(text,))
    return replace(whole, damage=cut_off(there, header.said))


def _sized(header: _Header, start: int, end: int) -> tuple[tuple[int, bytes], ...]:
    """Patches that make the audio end at ``end``."""
    audio = (end - header.data) // header.align * header.align
    total = end - start - 8
    order = header.order
    if header.wide_at:
        wide = total.to_bytes(8, "little") + audio.to_bytes(8, "little")
        return ((header.wide_at, wide), (header.size_at, b"\xff" * 4))
    sizes = [min(size, UNKNOWN).to_bytes(4, order) for size in (total, audio)]
    return ((start + 4, sizes[0]), (header.size_at, sizes[1]))


def _following(view: View, after: int) -> int | None:
    """Where a part ends whose audio ends at ``after``: behind its last chunk, or None if what
    follows is neither chunks nor another recording (so that the size is wrong)."""
    for offset in (after + after % 2, after, after + 1):  # padded, or not as it should be
        end = _chunks(view, offset)
        if end is not None:
            return end
    return None


def _chunks(view: View, offset: int) -> int | None:
    """The end of a chain of chunks: the end of the file, or where another recording begins."""
    while True:
        rest = view.size - offset
        if rest <= 0:
            return view.size
        head = view.at(offset, 12)
        if is_wav(view, offset):
            return offset
        if head.startswith(TAGS) or (rest <= 8 and not head.strip(b"\0")):
            return view.size
        size = int.from_bytes(head[4:8], "little")
        if len(head) < 8 or not _is_id(head[:4]) or size > rest:
            return None
        offset += 8 + size + size % 2


def _in_pieces(view: View, part: Part, header: _Header) -> Part:
    """The part as if all its audio stood in one chunk: some recorders begin another one of the name
    ``data``, of which libraries read the first or the last."""
    holes: list[tuple[int, int]] = []
    offset = end = header.data + header.said  # ``end``: of the last audio
    while offset + 8 <= part.end:
        offset += offset % 2 if _is_id(view.at(offset + offset % 2, 4)) else 0
        head = view.at(offset, 8)
        size = int.from_bytes(head[4:], header.order)
        if not _is_id(head[:4]):
            break
        if head[:4] == b"data" and size:
            holes.append((end, offset + 8))
            end = min(offset + 8 + size, part.end)
        offset += 8 + size
    if not holes:
        return part
    audio = end - header.data - sum(after - before for before, after in holes)
    patches = ((header.size_at, min(audio, UNKNOWN).to_bytes(4, header.order)),)
    return replace(part, holes=tuple(holes), patches=patches)


def _next(view: View, start: int) -> int:
    """The start of the next WAV after ``start``, or the end of the file."""
    while True:
        found = view.find(b"WAVEfmt ", start)
        if found < 0:
            return view.size
        if is_wav(view, found - 8):
            return found - 8
        start = found + 1


def _is_id(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)
