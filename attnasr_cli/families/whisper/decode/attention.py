"""The cross-attention of a decoded window, with its tokens and words as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from torch import Tensor

from attnasr_cli.families.attend import attend
from attnasr_cli.families.base import Decoded, SegmentAttention
from attnasr_cli.families.whisper.decode.batched import BatchedDecoder
from attnasr_cli.families.whisper.words import split_words


def attention(decoder: BatchedDecoder, samples: Tensor, decoded: Decoded) -> SegmentAttention:
    """Teacher-force the tokens of a window (N,) of samples after its prompt, and return the
    attention."""
    language = decoded.language or ("en" if decoder.tokenizer.multilingual else None)
    tokens = [token for piece in decoded.pieces for token in piece.tokens]
    previous = [*decoder.plan.hotwords, *decoder.plan.prompt]
    features, lengths = decoder.features([samples])  # (1, T, F), (1,)
    return attend(  # the net is in its precision already
        decoder.net,
        features.to(decoder.placement.device),
        int(lengths[0]),
        samples,
        decoder.task.prompt(language, previous),
        tokens,
        [decoder.tokenizer.decode_with_timestamps([token]) for token in tokens],
        _words(decoder, tokens, language),
        decoder.net.alignment_heads,
    )


def _words(
    decoder: BatchedDecoder, tokens: Sequence[int], language: str | None
) -> list[tuple[str, int, int]]:
    """(word, first row, row behind its last) of each word; timestamps are not words."""
    words: list[tuple[str, int, int]] = []
    eot = decoder.tokenizer.eot
    spoken = [i for i, token in enumerate(tokens) if token < eot]
    groups = split_words(decoder.tokenizer, [tokens[i] for i in spoken], language)
    sizes = [len(indices) for _, indices in groups]
    for (text, _), (a, b) in zip(groups, pairwise([0, *accumulate(sizes)]), strict=True):
        if a < b and text.strip():
            words.append((text.strip(), spoken[a], spoken[b - 1] + 1))
    return words
