"""Rewrites the text of pieces while keeping the times of their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from attnasr_cli.families.base import Piece, Word
from attnasr_cli.text.numbers import Part
from attnasr_cli.text.sentences.plain import plain


def plain_piece(piece: Piece) -> Piece:
    """A piece in lower case without punctuation. Words that are only punctuation are dropped."""
    words = [replace(word, word=plain(word.word)) for word in piece.words]
    text = " ".join(plain(piece.text).split())
    return replace(piece, text=_like(piece.text, text), words=[w for w in words if w.word.strip()])


def shared(pieces: Sequence[Piece], counts: Sequence[int], parts: Sequence[Part]) -> list[Piece]:
    """The pieces, each rewritten with its share of the parts; counts: the number of words in each
    piece. A number that spans two pieces is written in the first."""
    found: list[Piece] = []
    ahead, over = 0, 0  # parts that are used, words of the next piece that the last one took
    for piece, count in zip(pieces, counts, strict=True):
        own: list[Part] = []
        covered = min(over, count)
        over -= covered
        while covered < count:
            own.append(parts[ahead])
            covered += parts[ahead].count
            ahead += 1
        over += max(covered - count, 0)
        found.append(_rewritten(piece, own, count))
    return found


def _rewritten(piece: Piece, parts: Sequence[Part], count: int) -> Piece:
    """A piece of ``count`` words rewritten as these parts; timed words that become one part are
    joined."""
    text = _like(piece.text, " ".join(part.text for part in parts))
    sizes = [len(word.word.split()) for word in piece.words]
    whole = sum(sizes) == count == sum(part.count for part in parts)
    if not piece.words or not whole:
        return replace(piece, text=text)
    words: list[Word] = []
    part_ends = list(accumulate(part.count for part in parts))
    word_ends = list(accumulate(sizes))
    first_part = first_word = 0
    for end in sorted(set(part_ends) & set(word_ends)):
        last_part, last_word = part_ends.index(end) + 1, word_ends.index(end) + 1
        some = piece.words[first_word:last_word]
        written = " ".join(part.text for part in parts[first_part:last_part])
        words.append(
            Word(
                _like(some[0].word, written),
                some[0].start,
                some[-1].end,
                sum(word.probability for word in some) / len(some),
            )
        )
        first_part, first_word = last_part, last_word
    return replace(piece, text=text, words=words)


def _like(before: str, text: str) -> str:
    """``text`` with the leading space that ``before`` had."""
    return before[: len(before) - len(before.lstrip())] + text if text else ""
