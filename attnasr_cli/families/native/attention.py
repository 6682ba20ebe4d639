"""The cross-attention of a decoded segment, with its tokens and words as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from torch import Tensor

from attnasr_cli.audio.features import LogMel, lead_s
from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.families.attend import attend
from attnasr_cli.families.base import Decoded, SegmentAttention
from attnasr_cli.families.native.detokenize import written_words
from attnasr_cli.families.words import group
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPACE, SPECIAL, Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.device import Placement
    from attnasr_cli.lm.scorer import NgramScorer
    from attnasr_cli.nets.protocol import Net


def attention(
    net: Net,
    tokenizer: Tokenizer,
    lm: NgramScorer | None,
    extract: LogMel,
    placement: Placement,
    samples: Tensor,
    decoded: Decoded,
) -> SegmentAttention:
    """Teacher-force the tokens of a segment again. samples: (N,), float32 at 16 kHz."""
    tokens = [token for piece in decoded.pieces for token in piece.tokens]
    features, lengths = extract([samples])  # (1, T, F), (1,)
    with placement.autocast:
        found = attend(
            net,
            features.to(placement.device),
            int(lengths[0]),
            samples,
            [tokenizer.bos],
            tokens,
            _pieces(tokenizer, tokens),
            _words(tokenizer, lm, tokens),
        )
    return _without_pause(found, extract)


def _without_pause(found: SegmentAttention, extract: LogMel) -> SegmentAttention:
    """What is of the segment itself, not of the pause around it."""
    if found.duration_s >= extract.config.shortest_s:
        return found
    before_s = lead_s(found.duration_s, extract.config)
    frames = round(before_s * FRAMES_PER_S), round((before_s + found.duration_s) * FRAMES_PER_S) + 1
    steps = (
        round(before_s / found.step_s),
        ceil((before_s + found.duration_s) / found.step_s + 1e-6),
    )
    weights = found.weights[..., steps[0] : max(steps[1], steps[0] + 1)]
    return replace(found, weights=weights, features=found.features[frames[0] : frames[1]])


def _pieces(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[str]:
    """The text of each token; phones by their names in the lexicon."""
    if not isinstance(tokenizer, PhoneTokenizer):
        return [tokenizer.pieces[token].replace(SPACE, " ") for token in tokens]
    special, phones = list(SPECIAL), tokenizer.phones
    names = special + phones + phones  # inside a word, and at its beginning
    return [names[token] for token in tokens]


def _words(
    tokenizer: Tokenizer, lm: NgramScorer | None, tokens: Sequence[int]
) -> list[tuple[str, int, int]]:
    """(word, its first token, the token behind its last one)."""
    groups = group(tokens, tokenizer.pieces)
    words = written_words(tokenizer, lm, [tokens])
    if words is not None:
        texts = words[0]
    else:
        texts = [tokenizer.decode([tokens[i] for i in indices]) for indices in groups]
    return [(text, rows[0], rows[-1] + 1) for text, rows in zip(texts, groups, strict=True)]
