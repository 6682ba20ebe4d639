"""Moonshine's tokens."""

from __future__ import annotations

from attnasr_cli.families.common.pieces import PieceTokenizer


class MoonshineTokenizer(PieceTokenizer):
    """Pieces and bytes between ``<s>`` and ``</s>``."""

    START, END = "<s>", "</s>"
