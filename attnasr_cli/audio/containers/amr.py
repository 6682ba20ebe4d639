"""AMR (RFC 4867): frames behind a magic number, which begins a joined recording, too."""

from __future__ import annotations

from attnasr_cli.audio.containers.view import Part, View

MAGIC = b"#!AMR"


def is_amr(view: View, start: int) -> bool:
    return view.at(start, 9).startswith((MAGIC + b"\n", MAGIC + b"-WB\n"))


def walk(view: View, start: int) -> Part:
    found = view.find(MAGIC, start + 1)
    while found >= 0 and not is_amr(view, found):
        found = view.find(MAGIC, found + 1)
    return Part("amr", start, view.size if found < 0 else found)
