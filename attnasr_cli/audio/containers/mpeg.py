"""MP3 and MPEG layers 1 and 2 (ISO 11172-3), AAC in ADTS (ISO 14496-3): consecutive frames, and
tags.

Such a stream has no length: a decoder counts. A first frame by the name of Xing, Info or VBRI may
promise one, and is wrong as soon as somebody cuts or joins the file. Tags may stand anywhere,
with pictures that look like frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from attnasr_cli.audio.containers.view import Part, View

TAG = re.compile(rb"ID3[\x02-\x04]|APETAGEX|TAG")
TAIL_BYTES = 1 << 14
LARGEST_FRAME = 1 << 13
CHAIN = 3
"""consecutive frames that count as a real stream"""
PADDING_BYTES = 1 << 12
"""zeros that may stand between a tag and the first frame"""
MPEG1, MPEG25 = 3, 0
RATES_HZ = (44_100, 48_000, 32_000)
KBPS = {  # (MPEG 1, layer) → of the indexes 1 … 14
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True)
class Frame:
    """The header of one frame."""

    length: int
    """bytes, with the header"""
    samples: int
    rate_hz: int
    side_bytes: int
    """between the header and where a Xing header stands"""


def frame_at(head: bytes) -> Frame | None:
    """The frame that begins with these bytes (7 or more), or None."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:  # ADTS
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        index = head[2] >> 2 & 15
        return Frame(length, 1_024, 1, 0) if length > 7 and index < 13 else None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or rate == 3 or not 0 < bit_rate < 15:
        return None
    rate_hz = RATES_HZ[rate] >> {MPEG1: 0, MPEG25: 2}.get(version, 1)
    bits_s = KBPS[version == MPEG1, layer][bit_rate - 1] * 1_000
    padding = head[2] >> 1 & 1
    samples = 384 if layer == 1 else 576 if layer == 3 and version != MPEG1 else 1_152
    slot = 4 if layer == 1 else 1
    length = (samples // 8 // slot * bits_s // rate_hz + padding) * slot
    mono = head[3] >> 6 == 3
    side = (17 if mono else 32) if version == MPEG1 else (9 if mono else 17)
    return Frame(length, samples, rate_hz, side)


def tag_end(view: View, start: int) -> int | None:
    """The end of the tag that begins at ``start``; None where none begins."""
    head = view.at(start, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and 2 <= head[3] <= 4 and max(head[6:10]) < 0x80:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return start + 10 + size + (10 if head[5] & 0x10 else 0)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        is_header = bool(head[23] & 0x20)  # else the footer, behind the items
        size = int.from_bytes(head[12:16], "little") if is_header else 0
        return start + 32 + size
    return start + 128 if head[:3] == b"TAG" else None


def after_tags(view: View, start: int) -> int:
    """The offset after all tags at ``start``."""
    while True:
        end = tag_end(view, start)
        if end is None:
            return start
        padding = view.at(end, PADDING_BYTES)
        start = end + len(padding) - len(padding.lstrip(b"\0"))


def begins_like(view: View, start: int) -> bool:
    """Whether the first bytes could be those of a tag or a frame."""
    head = view.at(start, 3)
    return head == b"ID3" or (head[:1] == b"\xff" and sum(head[1:2]) >= 0xE0)


def first_frame(view: View, start: int) -> int | None:
    """Where the first of several frames in a row begins, behind tags or the rest of a frame that a
    capture began in; None where there are none."""
    offset = after_tags(view, start)
    frame = frame_at(view.at(offset, 7))
    if frame is not None:
        following = view.at(offset + frame.length, 7)
        if len(following) < 7 or frame_at(following) is not None:
            return offset
    data = view.at(offset, TAIL_BYTES)
    for place in _places(data):
        if place < LARGEST_FRAME and _chain(data, place)[0] > CHAIN:
            return offset + place
    return None


def walk(view: View, start: int, first: int) -> Part:
    """All frames from the ``first`` one to the end of the file; tags between them are holes."""
    holes = [(start, first)] if first > start else []
    offset, end = first, view.size
    while True:
        offset = view.search(TAG, offset)
        if offset < 0:
            break
        after = after_tags(view, offset)
        if after >= view.size:
            end = offset
            break
        if after > offset and frame_at(view.at(after, 7)) is not None:
            holes.append((offset, after))
            offset = after
        else:
            offset += 1
    return Part(
        "mpeg", start, end, tuple(holes), promised_s=_promised_s(view, first), cut=_cut(view, end)
    )


def _promised_s(view: View, first: int) -> float | None:
    """The length that the header in the first frame says, or None."""
    content = view.at(first, 64)
    frame = frame_at(content)
    if frame is None:
        return None
    xing = content[4 + frame.side_bytes :]
    if xing[:4] in (b"Xing", b"Info") and xing[7] & 1:
        count = int.from_bytes(xing[8:12], "big")
    elif content[36:40] == b"VBRI":
        count = int.from_bytes(content[50:54], "big")
    else:
        return None
    return count * frame.samples / frame.rate_hz


def _cut(view: View, end: int) -> bool:
    """Whether the last frame before ``end`` is not complete."""
    start = max(end - TAIL_BYTES, 0)
    data = view.at(start, end - start)
    for place in _places(data):
        count, offset = _chain(data, place)
        if count >= CHAIN:
            rest = data[offset:]
            return rest[:1] == b"\xff" and (len(rest) < 7 or frame_at(rest) is not None)
    return False


def _places(data: bytes) -> Iterator[int]:
    """Offsets at which frames may begin."""
    place = data.find(b"\xff")
    while place >= 0:
        yield place
        place = data.find(b"\xff", place + 1)


def _chain(data: bytes, offset: int) -> tuple[int, int]:
    """How many complete frames follow each other from ``offset`` on, and where the last ends."""
    count = 0
    while True:
        frame = frame_at(data[offset : offset + 7])
        if frame is None or not 0 < frame.length <= len(data) - offset:
            return count, offset
        offset, count = offset + frame.length, count + 1
