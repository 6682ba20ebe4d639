"""Text to token ids and back, for any script: single characters, or sentencepiece BPE. The phones
of a lexicon are in ``phones.py``, Whisper's vocabulary in ``whisper_tokenizer.py``.

Ids 0 to 2 are the same in all that are made here: 0 the blank of CTC (and padding), 1 the start, 2
the end; 3 stands for what the vocabulary cannot write.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from attnasr_cli.errors import ModelError

PAD, BOS, EOS, UNKNOWN = 0, 1, 2, 3
SPECIAL = ("<blank>", "<s>", "</s>", "<unk>")
SPACE = "▁"


class Tokenizer(Protocol):
    """What the rest of the program asks of a tokenizer."""

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
        return list(self._pieces)

    def encode(self, text: str) -> list[int]:
        return [self._ids.get(c, UNKNOWN) for c in _marked(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        pieces = [self._pieces[t] for t in tokens if t >= len(SPECIAL)]
        return " ".join("".join(pieces).replace(SPACE, " ").split())


def _marked(text: str) -> str:
    """Single spaces as ▁, and one in front: every word starts with one."""
    words = unicodedata.normalize("NFC", text).split()
    return "".join(SPACE + word for word in words)


class BpeTokenizer:
    """Sentencepiece: byte-pair encoding (Sennrich et al. 2016) or unigram (Kudo 2018)."""

    file_name = "sentencepiece.model"
    bos, eos = BOS, EOS

    def __init__(self, content: bytes) -> None:
        import sentencepiece

        self._content = content
        self._model = sentencepiece.SentencePieceProcessor()
        self._model.LoadFromSerializedProto(content)

    @staticmethod
    def train(texts: Iterable[str], vocab_size: int, kind: str = "bpe") -> BpeTokenizer:
        """Raises ModelError where the text cannot give that many pieces."""
        import io

        import sentencepiece

        out = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.Train(
                sentence_iterator=iter(texts),
                model_writer=out,
                vocab_size=vocab_size,
                model_type=kind,
                character_coverage=1.0,
                pad_id=PAD,
                bos_id=BOS,
                eos_id=EOS,
                unk_id=UNKNOWN,
                pad_piece=SPECIAL[0],
                normalization_rule_name="nfkc",
                minloglevel=2,
                num_threads=1,
            )
        except (RuntimeError, OSError) as problem:
            reason = str(problem).strip().splitlines()[-1]
            raise ModelError(
                f"cannot make {vocab_size} {kind} pieces of the training text: {reason}",
                "choose a smaller [text] vocab, or kind = 'char'",
            ) from None
        return BpeTokenizer(out.getvalue())

    @staticmethod
    def from_bytes(content: bytes) -> BpeTokenizer:
        return BpeTokenizer(content)

    def to_bytes(self) -> bytes:
        return self._content

    @property
    def vocab_size(self) -> int:
        return int(self._model.GetPieceSize())

    @property
    def pieces(self) -> list[str]:
        return [str(self._model.IdToPiece(i)) for i in range(self.vocab_size)]

    def encode(self, text: str) -> list[int]:
        return [int(i) for i in self._model.EncodeAsIds(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._model.DecodeIds([int(t) for t in tokens if t >= len(SPECIAL)])).strip()


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer file of a model folder; the file's name says which kind it is.

    Raises ModelError where the file is missing or damaged.
    """
    from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
    from attnasr_cli.text.phones import PhoneTokenizer

    readers: dict[str, Callable[[bytes], Tokenizer]] = {
        CharTokenizer.file_name: CharTokenizer.from_bytes,
        BpeTokenizer.file_name: BpeTokenizer.from_bytes,
        PhoneTokenizer.file_name: PhoneTokenizer.from_bytes,
        WhisperTokenizer.file_name: WhisperTokenizer.from_bytes,
    }
    if path.name not in readers:
        raise ModelError(f"unknown tokenizer file {path.name}", f"known: {', '.join(readers)}")
    try:
        return readers[path.name](path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"no tokenizer file {path}", "the model folder is incomplete") from None
    except (ValueError, RuntimeError) as problem:
        raise ModelError(f"damaged tokenizer file {path}: {problem}", "copy it again") from None
