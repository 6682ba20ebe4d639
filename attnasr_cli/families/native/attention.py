"""The attention of a decoded segment, with its tokens and words as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from attnasr_cli.families.attend import attend
from attnasr_cli.families.base import Decoded, SegmentAttention
from attnasr_cli.families.native.detokenize import written_words
from attnasr_cli.families.words import group
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPACE, SPECIAL, Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.families.native.decoder import NativeDecoder


def attention(decoder: NativeDecoder, samples: Tensor, decoded: Decoded) -> SegmentAttention:
    """Teacher-force the tokens of a segment (N,) again."""
    tokenizer = decoder.model.tokenizer
    tokens = [token for piece in decoded.pieces for token in piece.tokens]
    features, lengths = decoder.features([samples])  # (1, T, F), (1,)
    with decoder.placement.autocast:
        return attend(
            decoder.net,
            features.to(decoder.placement.device),
            int(lengths[0]),
            samples,
            [tokenizer.bos],
            tokens,
            _pieces(tokenizer, tokens),
            _words(decoder, tokens),
        )


def _pieces(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[str]:
    """What each token stands for; phones by the names that they have in the lexicon."""
    if not isinstance(tokenizer, PhoneTokenizer):
        return [tokenizer.pieces[token].replace(SPACE, " ") for token in tokens]
    special, phones = list(SPECIAL), tokenizer.phones
    names = special + phones + phones  # inside a word, and at its beginning
    return [names[token] for token in tokens]


def _words(decoder: NativeDecoder, tokens: Sequence[int]) -> list[tuple[str, int, int]]:
    tokenizer = decoder.model.tokenizer
    groups = group(tokens, tokenizer.pieces)
    texts = written_words(tokenizer, decoder.lm, tokens)
    if texts is None:
        texts = [tokenizer.decode([tokens[i] for i in indices]) for indices in groups]
    return [(text, rows[0], rows[-1] + 1) for text, rows in zip(texts, groups, strict=True)]
