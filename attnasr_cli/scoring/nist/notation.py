"""References with choices: ``(uh)`` may be left out, ``{ a / b c / @ }`` is one of several.

A text becomes a network of words (a directed graph whose arcs carry words), so that an alignment
can pick the reading that fits. Plain texts stay lists of words; only these need a network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.types import ALT, ALT_BEGIN, ALT_END, TimedWord

NULL = "@"  # the alternative that says nothing

_OPTIONAL = re.compile(r"\(\S+\)")
_MARKED = re.compile(r"[{}]|(?<!\S)(?:\(\S+\)|@)(?!\S)")


@dataclass(frozen=True, slots=True)
class Arc:
    """One word of a network."""

    word: str
    before: tuple[int, ...]  # the arcs that may come right before it; 0 is the start
    slot: int  # which item of the text it belongs to: alternatives share one
    optional: bool = False


@dataclass(slots=True)
class Network:
    """All readings of a text. ``arcs[0]`` is the empty start; the others are in order."""

    arcs: list[Arc] = field(default_factory=lambda: [Arc("", (), -1)])
    last: tuple[int, ...] = (0,)  # the arcs a reading may end with
    slots: int = 0

    def add(self, word: str, before: tuple[int, ...], optional: bool = False) -> tuple[int, ...]:
        self.arcs.append(Arc(word, before, self.slots, optional))
        return (len(self.arcs) - 1,)


def is_marked(text: str) -> bool:
    """Whether a text has alternatives, optional words or nulls."""
    return any(mark in text for mark in "{}(@") and bool(_MARKED.search(text))


def plain(words: list[str]) -> Network:
    """The network of a text without choices."""
    net = Network()
    for word in words:
        net.last = net.add(word, net.last)
        net.slots += 1
    return net


def parse(text: str, units: Callable[[str], list[str]], where: str = "") -> Network:
    """Read a marked text; ``units`` normalises a stretch of plain text and splits it."""
    net = Network()
    items = _items(text, where)
    net.last = _build(net, items, net.last, units, nested=False)
    return net


def text_of(words: list[TimedWord]) -> str:
    """The words as a text; frames of alternatives become { a / b }."""
    frames = {ALT_BEGIN: "{", ALT: "/", ALT_END: "}"}
    return " ".join(frames.get(w.word, w.word) if w.alternative else w.word for w in words)


_Item: TypeAlias = "str | list[list[_Item]]"  # a stretch, or alternatives


def _items(text: str, where: str) -> list[_Item]:
    """Split into plain stretches, ``(x)``, ``@`` and lists of alternatives."""
    items: list[_Item] = []
    position = 0
    while position < len(text):
        if text[position] == "{":
            end = _closing(text, position, where)
            inner = text[position + 1 : end]
            items.append([_items(part, where) for part in _alternatives(inner)])
            position = end + 1
            continue
        end = text.find("{", position)
        end = len(text) if end < 0 else end
        stretch = text[position:end]
        if "}" in stretch:
            raise DataError(
                f"{where}a '}}' without its '{{': {stretch.strip()[:60]!r}",
                "alternatives are written { a / b }",
            )
        items.extend(_stretches(stretch))
        position = end
    return items


def _stretches(text: str) -> list[str]:
    parts: list[str] = []
    words: list[str] = []
    for word in text.split():
        if word == NULL or _OPTIONAL.fullmatch(word):
            if words:
                parts.append(" ".join(words))
                words = []
            parts.append(word)
        else:
            words.append(word)
    return [*parts, " ".join(words)] if words else parts


def _closing(text: str, start: int, where: str) -> int:
    depth = 0
    for index in range(start, len(text)):
        depth += (text[index] == "{") - (text[index] == "}")
        if not depth:
            return index
    raise DataError(
        f"{where}a '{{' without its '}}': {text[start : start + 60]!r}",
        "alternatives are written { a / b }",
    )


def _alternatives(inner: str) -> list[str]:
    """Split at the slashes that are not inside a nested choice."""
    parts, depth, begin = [], 0, 0
    for index, letter in enumerate(inner):
        depth += (letter == "{") - (letter == "}")
        if letter == "/" and not depth:
            parts.append(inner[begin:index])
            begin = index + 1
    return [*parts, inner[begin:]]


def _build(
    net: Network,
    items: list[_Item],
    before: tuple[int, ...],
    units: Callable[[str], list[str]],
    nested: bool,
) -> tuple[int, ...]:
    """Append items after ``before``; returns the arcs that they may end with."""
    for item in items:
        if isinstance(item, str):
            optional = bool(_OPTIONAL.fullmatch(item))
            words = [NULL] if item == NULL else units(item[1:-1] if optional else item)
            for word in words:
                before = net.add(word, before, optional)
                net.slots += not nested
            continue
        ends: list[int] = []
        for alternative in item:
            # nothing said (or nothing left by the normaliser) is the null word
            end = _build(net, alternative, before, units, nested=True)
            ends += net.add(NULL, before) if end == before else end
        before = tuple(ends)
        net.slots += not nested
    return before
