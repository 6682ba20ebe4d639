"""FLAC (RFC 9639). Its readers check its length; looked for is only where a joined one begins.

A stream that was written into a pipe has no count of its samples. libsndfile fails at its end.
"""

from __future__ import annotations

from attnasr_cli.audio.containers.view import Part, View

MAGIC = b"fLaC"
FIRST_BLOCK = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")
"""a STREAMINFO of 34 bytes, which every stream begins with"""
COUNT_AT = 21
"""offset of the byte whose lower half begins the number of samples, 36 bits"""


def is_flac(view: View, start: int) -> bool:
    head = view.at(start, 8)
    return head[:4] == MAGIC and head[4:] in FIRST_BLOCK


def walk(view: View, start: int) -> Part:
    unknown = not int.from_bytes(view.at(start + COUNT_AT, 5), "big") & (1 << 36) - 1
    found = start
    while True:
        found = view.find(MAGIC, found + 1)
        if found < 0 or is_flac(view, found):
            end = view.size if found < 0 else found
            return Part("flac", start, end, beyond_libsndfile=unknown)
