"""Times words with the CTC head of a model, whichever model wrote the text.

Cross-attention places a word to about a tenth of a second; forced alignment through a CTC head is
several times as exact. It runs once the text of a segment is final and changes nothing but times.
Where the alignment is improbable, words keep the times they had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch

from attnasr_cli.audio.segment import Speech
from attnasr_cli.checkpoint.folder import Header, read_header
from attnasr_cli.checkpoint.registry import DEFAULT
from attnasr_cli.errors import UsageError
from attnasr_cli.families import models
from attnasr_cli.families.base import Decoded, Piece, Word
from attnasr_cli.families.word_timer import WordTimer
from attnasr_cli.recognize.jobs import SegmentResult, Span

AUTO, ATTENTION = "auto", "attention"
Parts = list[tuple[float, Decoded]]


class Aligner:
    """A model with a CTC head that times words. It is loaded when the first text arrives."""

    def __init__(
        self, name: str, path: Path, header: Header, device: torch.device, language: str | None
    ) -> None:
        """language: the language of texts for which the decoder names none."""
        self.name, self.path, self.device, self.language = name, path, device, language
        self.languages = header.languages
        self.identity = f"{name}@{header.weights.sha256[:8]}"
        """name and checksum of the weights, for results and cache keys"""

    @cached_property
    def timer(self) -> WordTimer:
        return _timer(self.path, self.device)

    def align(self, found: Sequence[tuple[Speech, SegmentResult]]) -> list[SegmentResult]:
        """Segments with their results → the same results with better times. The result of one
        segment does not depend on the others."""
        wanted = [i for i, (_, outcome) in enumerate(found) if self._can(outcome)]
        results = [outcome for _, outcome in found]
        if not wanted:
            return results
        texts = [[word.word for word, _ in _words(found[i][1].parts)] for i in wanted]
        times = self.timer.times([found[i][0].samples for i in wanted], texts)
        for i, spans in zip(wanted, times, strict=True):
            speech, outcome = found[i]
            if spans is not None:
                spans = [(a + speech.start_s, b + speech.start_s) for a, b in spans]
                results[i] = replace(outcome, parts=_placed(outcome.parts, spans))
        return results

    def _can(self, outcome: SegmentResult) -> bool:
        """Whether there are words to time, in a language that the model knows."""
        spoken = {decoded.language or self.language for _, decoded in outcome.parts}
        known = not self.languages or spoken <= set(self.languages)
        return known and any(True for _ in _words(outcome.parts))


def _words(parts: Parts) -> list[tuple[Word, float]]:
    """The words of a segment in order, each with the offset in seconds that its times count
    from."""
    return [
        (word, start_s)
        for start_s, decoded in parts
        for piece in decoded.pieces
        for word in piece.words
    ]


def _placed(parts: Parts, spans: Sequence[Span]) -> Parts:
    """The parts with new word times, which are seconds of the recording."""
    ahead = iter(spans)

    def placed(piece: Piece, start_s: float) -> Piece:
        words = []
        for word in piece.words:
            start, end = next(ahead)
            words.append(replace(word, start=start - start_s, end=end - start_s))
        if not words:
            return piece
        return replace(piece, start=words[0].start, end=words[-1].end, words=words)

    return [
        (start_s, replace(decoded, pieces=[placed(p, start_s) for p in decoded.pieces]))
        for start_s, decoded in parts
    ]


def choose_aligner(
    given: str, header: Header, has_ctc: bool, settings: Mapping[str, Any], device: torch.device
) -> Aligner | None:
    """Choose the model that times the words; None where the transcribing model does it itself.

    given: ``auto``, ``attention`` or the name of a model. header, has_ctc: of the transcribing
    model; settings: of its decoder. Raises UsageError for a model that cannot align.
    """
    if not settings.get("word_timestamps"):
        if given == AUTO:
            return None
        raise UsageError(f"--align {given} without times of words", "add --word-timestamps")
    only = header.languages[0] if len(header.languages) == 1 else None
    language = settings.get("language") or only
    translated = settings.get("task") == "translate"
    if given == ATTENTION or (given == AUTO and (has_ctc or translated)):
        return None
    if translated:
        raise UsageError(
            f"--align {given} with --task translate", "a translation is not what is said"
        )
    name = DEFAULT if given == AUTO else given
    path = models.find(name)
    if not (path / "model.toml").is_file():
        raise _no_head(name)
    aligner = Aligner(models.display_name(name, path), path, read_header(path), device, language)
    if language is not None and aligner.languages and language not in aligner.languages:
        if given == AUTO:
            return None
        knows = ", ".join(aligner.languages)
        raise UsageError(
            f"--align {given} knows {knows}, and the text is in {language}",
            "choose a model of its language, or --align attention",
        )
    if given != AUTO:
        _ = aligner.timer  # what cannot align is refused before anything is decoded
    return aligner


@lru_cache(maxsize=2)
def _timer(path: Path, device: torch.device) -> WordTimer:
    """Raises UsageError for a model without a CTC head."""
    model = models.load(path)
    if not model.net.has_ctc:
        raise _no_head(model.header.name)
    return WordTimer(model, device)


def _no_head(name: str) -> UsageError:
    return UsageError(
        f"model {name} has no CTC head to align with",
        f"{DEFAULT} has one, and so has a model trained with ctc = true",
    )
