"""A measure of repetition in a text."""

from __future__ import annotations

import zlib


def compression_ratio(text: str) -> float:
    """Bytes of a text for one byte of it compressed; 0 for no text."""
    raw = text.encode("utf-8")
    return len(raw) / len(zlib.compress(raw))
