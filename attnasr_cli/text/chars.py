"""Single characters as tokens, for any script."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from attnasr_cli.text.tokenizer import BOS, EOS, SPACE, SPECIAL, UNKNOWN


class CharTokenizer:
    """One token a character (Unicode NFC); the space is ▁."""

    file_name = "characters.json"
    bos, eos = BOS, EOS

    def __init__(self, characters: Sequence[str]) -> None:
        self._pieces = [*SPECIAL, *characters]
        self._ids = {piece: i for i, piece in enumerate(self._pieces)}

    @staticmethod
    def train(texts: Iterable[str]) -> CharTokenizer:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(_marked(text))
        return CharTokenizer(sorted(counts))

    @staticmethod
    def from_bytes(content: bytes) -> CharTokenizer:
        characters = json.loads(content.decode("utf-8"))
        if not isinstance(characters, list) or not all(isinstance(c, str) for c in characters):
            raise ValueError("not a list of characters")
        return CharTokenizer(characters)

    def to_bytes(self) -> bytes:
        return json.dumps(self._pieces[len(SPECIAL) :], ensure_ascii=False).encode("utf-8")

    @property
    def vocab_size(self) -> int:
        return len(self._pieces)

    @property
    def pieces(self) -> list[str]:
        return self._pieces

    def encode(self, text: str) -> list[int]:
        return [self._ids.get(c, UNKNOWN) for c in _marked(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        pieces = [self._pieces[t] for t in tokens if t >= len(SPECIAL)]
        return " ".join("".join(pieces).replace(SPACE, " ").split())


def _marked(text: str) -> str:
    """Single spaces as ▁, and one in front: every word starts with one."""
    words = unicodedata.normalize("NFC", text).split()
    return "".join(SPACE + word for word in words)
