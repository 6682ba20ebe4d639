"""The interface of tokenizers: text to token ids and back.

``chars.py`` has single characters, ``subwords.py`` sentencepiece, ``phones.py`` the phones of a
lexicon; a family may bring its own. ``load.py`` reads them from a model folder.

Ids 0 to 2 are the same in all that are made here: 0 the blank of CTC (and padding), 1 the start, 2
the end; 3 stands for what the vocabulary cannot write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

PAD, BOS, EOS, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<blank>", "<s>", "</s>", "<unk>")
SPACE = "▁"


class Tokenizer(Protocol):
    """The interface of a tokenizer to the rest of the program."""

    file_name: str
    bos: int
    eos: int

    @property
    def vocab_size(self) -> int: ...

    @property
    def pieces(self) -> list[str]:
        """Every token as text; a word starts with ▁, and special tokens stand in <>."""

    def encode(self, text: str) -> list[int]:
        """Ids without start and end."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Text; special tokens are left out."""

    def to_bytes(self) -> bytes:
        """The content of the tokenizer's file."""
