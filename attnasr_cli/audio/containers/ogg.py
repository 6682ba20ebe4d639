"""Ogg (RFC 3533): pages of logical streams; links of a chain are recordings of their own.

Each stream begins with a page that says so, before all other pages of its link. Radio stations make
a link of every song, and files joined end to end are chains. libsndfile and FFmpeg stop at the end
of the first link, or where the next one has another format.
"""

from __future__ import annotations

from attnasr_cli.audio.containers.view import Part, View

MAGIC = b"OggS"
HEADER_BYTES = 27
FIRST = 2
"""flag of the page that begins a stream"""
HEADER_PAGES = 8
"""a station may send the headers of a stream and then go on at any page number"""


def is_ogg(view: View, start: int) -> bool:
    return view.at(start, 4) == MAGIC


def walk(view: View, start: int) -> Part:
    """The link that begins at ``start``."""
    offset, streams, in_headers = start, 0, True
    following: dict[bytes, int] = {}  # stream → number of its next page
    warnings: list[str] = []
    damage = ""
    while offset < view.size:
        page = view.at(offset, HEADER_BYTES + 255)
        length = HEADER_BYTES + sum(page[26:27]) + sum(page[HEADER_BYTES:][: sum(page[26:27])])
        end = offset + length
        if end != view.size and view.at(end, 4) != MAGIC:  # not whole, or followed by other things
            end = view.find(MAGIC, offset + 1)
            if end < 0:
                end = min(offset + length, view.size)
                if offset + length > view.size:
                    warnings.append(f"its last page, at byte {offset}, is not complete")
            elif _begins(view, end):
                warnings.append(f"a page ends too early at byte {offset}")
            else:
                damage = damage or f"is damaged at byte {offset}"
        first = _begins(view, offset)
        if first and not in_headers:
            break
        if view.headers_only and not first:
            offset = view.size
            break
        in_headers = in_headers and first
        streams += first
        stream, number = page[14:18], int.from_bytes(page[18:22], "little")
        expected = following.get(stream, number)
        if number > expected > HEADER_PAGES:
            warnings.append(f"{number - expected} of its pages are missing at byte {offset}")
        following[stream] = number + 1
        offset = end
        if view.at(offset, 4) != MAGIC:
            break  # a tag, or padding
    return Part(
        "ogg",
        start,
        offset,
        damage=damage,
        warnings=tuple(warnings),
        beyond_libsndfile=streams > 1,
    )


def _begins(view: View, offset: int) -> bool:
    return bool(sum(view.at(offset + 5, 1)) & FIRST)
