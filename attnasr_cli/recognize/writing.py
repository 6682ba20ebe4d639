"""What was heard, as it is written: sentences, plain words, numbers in digits.

All of it happens when the segments of a recording are put together, in the order of time, and needs
nothing but the text: neither batches nor other recordings change it. Times stay with their words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from attnasr_cli.checkpoint.folder import Header, checked
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.recognize.reading import Reading
from attnasr_cli.text.numbers import LANGUAGES, Part, in_digits
from attnasr_cli.text.sentences.plain import plain
from attnasr_cli.text.sentences.punctuator import Punctuator, Sentences, load_punctuator


class Writer:
    """How the texts of a model are written."""

    def __init__(
        self,
        header: Header,
        path: Path | None,
        reading: Reading,
        settings: Mapping[str, Any],
    ) -> None:
        """header, path: of the model; reading: its ``punctuation`` and ``digits``; settings: of the
        decoder. Raises UsageError for what the model cannot do, ModelError where its sentence net
        is missing or damaged. A model that has one writes plain words by itself."""
        punctuation, digits = reading.punctuation, reading.digits
        self.facts: dict[str, Any] = {}
        """what was chosen, where it changes what the model writes"""
        listed = bool(settings.get("phrases"))  # which are written as they are listed
        if listed and punctuation:
            raise UsageError("--punctuation with --phrases", "they are written as they are listed")
        part = None if listed else header.sentences
        self.plain = punctuation is False and header.sentences is None
        if punctuation is False:
            self.facts["punctuation"], part = False, None
        self.net = checked(path, part, "sentence net")
        self.sha256 = part.sha256 if part is not None else ""
        if self.net is not None:
            self.facts["punctuation"] = f"{self.net.name}@{self.sha256[:8]}"
        if digits:
            self.facts["digits"] = True
        if punctuation and self.net is None and header.text.normalizer != "none":
            raise UsageError(
                f"model {header.name} writes no punctuation, and has no sentence net",
                "attnasr train english-small/sentences makes one",
            )
        only = header.languages[0] if len(header.languages) == 1 else None
        self.language = settings.get("language") or only
        self.digits = digits
        if digits and self.language is not None and self.language not in LANGUAGES:
            raise UsageError(
                f"--digits for text in {self.language}", f"it knows {', '.join(LANGUAGES)}"
            )

    @property
    def punctuator(self) -> Punctuator:
        assert self.net is not None
        return load_punctuator(self.net, self.sha256)

    def moved(self, path: Path) -> Writer:
        """The same with the model at another place: on another machine."""
        if self.net is None:
            return self
        other = copy(self)
        other.net = path / self.net.name
        return other

    def recording(self) -> Callable[[Decoded], Decoded] | None:
        """What writes the segments of one recording, one after the other. None: as they are."""
        steps: list[Callable[[list[str], str | None], list[Part]]] = []
        if self.net is not None:
            sentences = Sentences(self.punctuator)
            steps.append(lambda words, _: [Part(1, word) for word in sentences.write(words)])
        if self.digits:
            steps.append(lambda words, spoken: in_digits(words, spoken or self.language or ""))
        if not steps and not self.plain:
            return None

        def write(decoded: Decoded) -> Decoded:
            pieces = decoded.pieces
            if self.plain:
                pieces = [_plain(piece) for piece in pieces]
            for step in steps:
                texts = [piece.text.split() for piece in pieces]
                parts = step([word for text in texts for word in text], decoded.language)
                pieces = _shared(pieces, [len(text) for text in texts], parts)
            return replace(decoded, pieces=pieces)

        return write


def _plain(piece: Piece) -> Piece:
    """A piece without case and marks. What is nothing but a mark is gone."""
    words = [replace(word, word=plain(word.word)) for word in piece.words]
    text = " ".join(plain(piece.text).split())
    return replace(piece, text=_like(piece.text, text), words=[w for w in words if w.word.strip()])


def _shared(pieces: Sequence[Piece], counts: Sequence[int], parts: Sequence[Part]) -> list[Piece]:
    """The pieces with their share of the parts; counts: the words of each. A number that stands
    in two pieces is written in the first."""
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
    """A piece of ``count`` words in these parts; its timed words are joined where a part needs
    several of them."""
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
    """The text with the space before it that there was."""
    return before[: len(before) - len(before.lstrip())] + text if text else ""
