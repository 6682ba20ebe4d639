"""Writes decoded text: with punctuation and case, as plain words, with numbers as digits.

It works when the segments of a recording are joined in the order of time, and depends on nothing
but the text, so neither batches nor other recordings change the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from attnasr_cli.checkpoint.folder import Header, checked
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded
from attnasr_cli.recognize.reading import Reading
from attnasr_cli.recognize.writing.pieces import plain_piece, shared
from attnasr_cli.text.numbers import LANGUAGES, Part, in_digits
from attnasr_cli.text.sentences.punctuator import Punctuator, Sentences, load_punctuator


@dataclass(frozen=True)
class Writer:
    """The settings for writing the texts of a model."""

    plain: bool
    """punctuation and case of the model are removed"""
    digits: bool
    language: str | None
    """language of texts for which the decoder names none"""
    net: Path | None = field(compare=False)
    """path of the model's sentence net, where it is used; it differs between machines"""
    sha256: str
    """checksum of that net, or empty"""
    facts: Mapping[str, Any]
    """settings to report, where they change what the model writes"""

    @staticmethod
    def of(
        header: Header, path: Path | None, reading: Reading, settings: Mapping[str, Any]
    ) -> Writer:
        """header, path: of the model; reading: its ``punctuation`` and ``digits``; settings: of the
        decoder. Raises UsageError for what the model cannot do, ModelError where its sentence net
        is missing or damaged. A model that has one writes plain words by itself."""
        wanted = reading.punctuation
        listed = bool(settings.get("phrases"))  # which are written as they are listed
        if listed and wanted:
            raise UsageError("--punctuation with --phrases", "they are written as they are listed")
        part = None if listed or wanted is False else header.sentences
        net = checked(path, part, "sentence net")
        if wanted and net is None and header.text.normalizer != "none":
            raise UsageError(
                f"model {header.name} writes no punctuation, and has no sentence net",
                "attnasr train english-small/sentences makes one",
            )
        only = header.languages[0] if len(header.languages) == 1 else None
        language = settings.get("language") or only
        if reading.digits and language is not None and language not in LANGUAGES:
            raise UsageError(f"--digits for text in {language}", f"it knows {', '.join(LANGUAGES)}")
        plain = wanted is False and header.sentences is None
        sha256 = part.sha256 if part is not None and net is not None else ""
        facts: dict[str, Any] = {"punctuation": False} if wanted is False else {}
        if net is not None:
            facts["punctuation"] = f"{net.name}@{sha256[:8]}"
        if reading.digits:
            facts["digits"] = True
        return Writer(plain, reading.digits, language, net, sha256, facts)

    @property
    def punctuator(self) -> Punctuator:
        assert self.net is not None
        return load_punctuator(self.net, self.sha256)

    def recording(self) -> Callable[[Decoded], Decoded] | None:
        """A function that writes the segments of one recording, called in order; None where they
        stay as they are."""
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
                pieces = [plain_piece(piece) for piece in pieces]
            for step in steps:
                texts = [piece.text.split() for piece in pieces]
                parts = step([word for text in texts for word in text], decoded.language)
                pieces = shared(pieces, [len(text) for text in texts], parts)
            return replace(decoded, pieces=pieces)

        return write
