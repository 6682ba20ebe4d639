"""jiwer's alignment, its counts exactly, as one letter per column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attnasr_cli.scoring.counts import Counts
from attnasr_cli.scoring.units import graphemes

_BATCH = 2000  # jiwer keeps an object per chunk of an alignment; so many utterances at a time
_LETTER = {"equal": "C", "substitute": "S", "delete": "D", "insert": "I"}

Split = Callable[[list[str]], list[list[str]]]


def align(references: Sequence[str], hypotheses: Sequence[str]) -> list[str]:
    """The columns of each pair of texts (units between single spaces) as C, S, D and I."""
    import jiwer

    ops: list[str] = []
    for start in range(0, len(references), _BATCH):
        part = slice(start, start + _BATCH)
        out = jiwer.process_words(
            list(references[part]),
            list(hypotheses[part]),
            reference_transform=_words,  # type: ignore[arg-type]
            hypothesis_transform=_words,  # type: ignore[arg-type]
        )
        for chunks in out.alignments:
            ops.append(
                "".join(
                    _LETTER[chunk.type]
                    * max(
                        chunk.ref_end_idx - chunk.ref_start_idx,
                        chunk.hyp_end_idx - chunk.hyp_start_idx,
                    )
                    for chunk in chunks
                )
            )
    return ops


def characters(references: Sequence[str], hypotheses: Sequence[str]) -> list[Counts]:
    """Counts over characters, spaces included as jiwer does, a grapheme cluster being one."""
    import jiwer

    counts: list[Counts] = []
    for start in range(0, len(references), _BATCH):
        part = slice(start, start + _BATCH)
        out = jiwer.process_characters(
            list(references[part]),
            list(hypotheses[part]),
            reference_transform=_letters,  # type: ignore[arg-type]
            hypothesis_transform=_letters,  # type: ignore[arg-type]
        )
        for chunks in out.alignments:
            tally = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
            for chunk in chunks:
                tally[chunk.type] += max(
                    chunk.ref_end_idx - chunk.ref_start_idx,
                    chunk.hyp_end_idx - chunk.hyp_start_idx,
                )
            counts.append(Counts(*tally.values()))
    return counts


def _words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def _letters(texts: list[str]) -> list[list[str]]:
    return [graphemes(text) for text in texts]
