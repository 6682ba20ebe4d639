"""What is known of a published model without loading it."""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.checkpoint.hub import Source


@dataclass(frozen=True)
class Known:
    """A model on the hub."""

    source: Source
    parameters: int
    """millions"""
    languages: tuple[str, ...]
    licence: str
    wer: str = ""
    """a word error rate that was published, with what it was measured on; else empty"""
