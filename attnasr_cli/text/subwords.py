"""Subwords as tokens: sentencepiece models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from attnasr_cli.errors import ModelError
from attnasr_cli.text.tokenizer import BOS, EOS, PAD, SPECIAL, UNKNOWN


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
        """vocab_size: pieces at most; few texts give fewer. Raises ModelError where they have more
        characters, or none."""
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
                hard_vocab_limit=False,
            )
        except (RuntimeError, OSError) as problem:
            reason = str(problem).strip().splitlines()[-1]
            raise ModelError(
                f"cannot make {vocab_size} {kind} pieces of the training text: {reason}",
                "choose a larger [text] vocab, or kind = 'char'",
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

    @cached_property
    def pieces(self) -> list[str]:
        return [str(self._model.IdToPiece(i)) for i in range(self.vocab_size)]

    def encode(self, text: str) -> list[int]:
        return [int(i) for i in self._model.EncodeAsIds(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._model.DecodeIds([int(t) for t in tokens if t >= len(SPECIAL)])).strip()
