"""jiwer's alignment, with exactly its counts, as one letter per column."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attnasr_cli.scoring.types import Counts
from attnasr_cli.scoring.units import graphemes

_BATCH = 2000  # utterances at once: jiwer keeps an object for every chunk of an alignment
_LETTER = {"equal": "C", "substitute": "S", "delete": "D", "insert": "I"}

Split = Callable[[list[str]], list[list[str]]]


def align(references: Sequence[str], hypotheses: Sequence[str]) -> list[str]:
    """The columns of each pair of texts (units between single spaces) as C, S, D and I."""
    return [
        "".join(_LETTER[kind] * size for kind, size in runs)
        for runs in _runs(references, hypotheses, _words)
    ]


def characters(references: Sequence[str], hypotheses: Sequence[str]) -> list[Counts]:
    """Counts over characters, spaces included as jiwer does, a grapheme cluster being one."""
    counts: list[Counts] = []
    for runs in _runs(references, hypotheses, _letters):
        tally = dict.fromkeys(_LETTER, 0)
        for kind, size in runs:
            tally[kind] += size
        counts.append(Counts(*tally.values()))
    return counts


def _runs(
    references: Sequence[str], hypotheses: Sequence[str], units: Split
) -> Iterator[list[tuple[str, int]]]:
    """For each pair, its runs of equal operations with their lengths."""
    import jiwer

    for start in range(0, len(references), _BATCH):
        part = slice(start, start + _BATCH)
        # characters are words of one letter: jiwer's process_characters calls this, too
        out = jiwer.process_words(
            list(references[part]),
            list(hypotheses[part]),
            reference_transform=units,  # type: ignore[arg-type]  # any function of a list will do
            hypothesis_transform=units,  # type: ignore[arg-type]
        )
        for chunks in out.alignments:
            yield [
                (
                    chunk.type,
                    max(
                        chunk.ref_end_idx - chunk.ref_start_idx,
                        chunk.hyp_end_idx - chunk.hyp_start_idx,
                    ),
                )
                for chunk in chunks
            ]


def _words(texts: list[str]) -> list[list[str]]:
    return [text.split() for text in texts]


def _letters(texts: list[str]) -> list[list[str]]:
    return [graphemes(text) for text in texts]
