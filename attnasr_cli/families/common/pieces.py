"""A tokenizer of text pieces with ▁ for a space, and bytes for characters without a piece.

The file is the ``tokenizer.json`` of a Hugging Face folder; the tokenizers library reads it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Self

from tokenizers import Tokenizer as Library

from attnasr_cli.errors import reason
from attnasr_cli.text.tokenizer import SPACE

BROKEN = "\ufffd"
"""stands for each byte that is not part of a character, as in the library"""
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class PieceTokenizer:
    """A ``text.tokenizer.Tokenizer``; a family names its start and end."""

    file_name = "tokenizer.json"
    START: ClassVar[str]
    END: ClassVar[str]

    def __init__(self, content: bytes) -> None:
        """Raises ValueError for content that is not a tokenizer, or lacks the start or end
        token."""
        self._content = content
        try:
            self._library = Library.from_str(content.decode("utf-8"))
        except Exception as problem:  # the library raises a bare Exception
            raise ValueError(reason(problem)) from None
        ids = self._library.get_vocab(with_added_tokens=True)
        for needed in (self.START, self.END):
            if needed not in ids:
                raise ValueError(f"no token {needed}")
        self.ids = ids
        self.bos, self.eos = ids[self.START], ids[self.END]
        self._pieces = [""] * (max(ids.values()) + 1)
        for piece, token in ids.items():
            self._pieces[token] = piece
        self._special = {
            token for token, a in self._library.get_added_tokens_decoder().items() if a.special
        }
        self._bytes = {
            token: int(found.group(1), 16)
            for token, piece in enumerate(self._pieces)
            if (found := _BYTE.fullmatch(piece))
        }

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Raises ValueError."""
        return cls(content)

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    @property
    def pieces(self) -> list[str]:
        return self._pieces

    def encode(self, text: str) -> list[int]:
        """Ids without start and end."""
        found: list[int] = self._library.encode(text, add_special_tokens=False).ids
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        """Text; special tokens are left out."""
        text: str = self._library.decode(list(tokens), skip_special_tokens=True)
        return text

    def to_bytes(self) -> bytes:
        return self._content

    def characters(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Stretches of whole characters, spaces kept, with the indices of their tokens.

        Bytes of one character stay together; special tokens are left out.
        """
        found: list[tuple[str, list[int]]] = []
        waiting = b""
        since: list[int] = []

        def flush() -> None:
            nonlocal waiting, since
            if since:
                text = waiting.decode("utf-8") if _whole(waiting) else BROKEN * len(waiting)
                found.append((text, since))
            waiting, since = b"", []

        for i, token in enumerate(tokens):
            if token in self._special:
                continue
            byte = self._bytes.get(token)
            if byte is None:
                flush()
                found.append((self._pieces[token].replace(SPACE, " "), [i]))
                continue
            if byte & 0xC0 != 0x80:  # the first byte of a character
                flush()
            waiting, since = waiting + bytes([byte]), [*since, i]
            if _whole(waiting):
                flush()
        flush()
        return found


def _whole(part: bytes) -> bool:
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
