"""Where a decoder looked while it wrote: attention weights of whole segments, for pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.audio.features import SAMPLE_RATE_HZ
from attnasr_cli.decode.decoded import Decoded, SegmentDecoder
from attnasr_cli.decode.joint import JointDecoder
from attnasr_cli.decode.windows import WindowDecoder
from attnasr_cli.decode.words import group
from attnasr_cli.decode.written import written_words
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPACE, SPECIAL, Tokenizer
from attnasr_cli.text.whisper_words import split_words

FRAME_S = 0.01
"""seconds from one column of the features to the next"""
EXTRA = "attention"
"""key of ``Decoded.extra``"""


@dataclass(frozen=True)
class Attention:
    """One segment: what was written, and where each token was found."""

    duration_s: float
    tokens: list[str]
    """U tokens as they are written"""
    words: list[tuple[str, int, int]]
    """a word, its first row and the row behind its last one"""
    weights: Tensor
    """(L, H, U, S); each row sums to 1 over the memory of the audio, and what a net that fills up
    its window gave to the filling"""
    heads: list[tuple[int, int]]
    """(layer, head) pairs, from 0, that follow the audio: all, where the model names none"""
    step_s: float
    """seconds between two memory positions"""
    features: Tensor
    """(T, F) what the encoder saw, normalised"""

    def picture(self, layer: int | None = None, head: int | None = None) -> Tensor:
        """Weights (U, S), averaged over the heads of a layer, the layers of a head, or ``heads``;
        numbers from 0."""
        if layer is None and head is None:
            return torch.stack([self.weights[n, h] for n, h in self.heads]).mean(0)
        layers = slice(None) if layer is None else slice(layer, layer + 1)
        heads = slice(None) if head is None else slice(head, head + 1)
        return self.weights[layers, heads].mean((0, 1))


class Attending:
    """A decoder that also says where it looked: ``extra["attention"]`` of what it decodes."""

    def __init__(self, decoder: SegmentDecoder) -> None:
        """Raises TypeError for a decoder that it cannot look into."""
        if not isinstance(decoder, JointDecoder | WindowDecoder):
            raise TypeError(f"no attention is known of {type(decoder).__name__}")
        self.decoder = decoder
        self.max_segment_s = decoder.max_segment_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self.decoder, name)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """As the decoder's own, samples (N,) in and texts out."""
        return [
            replace(found, extra={**found.extra, EXTRA: look(self.decoder, samples, found)})
            if any(piece.tokens for piece in found.pieces)
            else found
            for samples, found in zip(segments, self.decoder.decode(segments), strict=True)
        ]


@torch.inference_mode()
def look(decoder: JointDecoder | WindowDecoder, samples: Tensor, found: Decoded) -> Attention:
    """Write once more what was found in a segment (N,), and keep the attention."""
    tokens = [token for piece in found.pieces for token in piece.tokens]
    context: AbstractContextManager[object]
    if isinstance(decoder, WindowDecoder):
        prompt = decoder.task.prompt(found.language, [*decoder.plan.hotwords, *decoder.plan.prompt])
        pieces = [decoder.tokenizer.decode_with_timestamps([token]) for token in tokens]
        words = _whisper_words(decoder, tokens, found.language)
        heads = list(decoder.net.alignment_heads)
        context = nullcontext()  # the net is in its precision already
    else:
        prompt = [decoder.model.tokenizer.bos]
        pieces = _pieces(decoder.model.tokenizer, tokens)
        words = _joint_words(decoder, tokens)
        heads = []
        context = decoder.placement.autocast
    device = decoder.placement.device
    features, lengths = decoder.features([samples])  # (1, T, F), (1,)
    fed = torch.tensor([[*prompt, *tokens[:-1]]], device=device)
    with context:
        memory = decoder.net.encode(features.to(device), lengths.to(device))
        weights = decoder.net.attend(memory, fed)[0]  # (L, H, prompt + U - 1, S)
    audio = math.ceil(round(int(lengths[0]) * FRAME_S / memory.step_s, 6))
    return Attention(
        samples.shape[0] / SAMPLE_RATE_HZ,
        pieces,
        words,
        weights[:, :, len(prompt) - 1 :, : min(audio, int(memory.lengths[0]))].float().cpu(),
        heads or [(n, h) for n in range(weights.shape[0]) for h in range(weights.shape[1])],
        memory.step_s,
        features[0, : int(lengths[0])].float().cpu(),
    )


def _pieces(tokenizer: Tokenizer, tokens: Sequence[int]) -> list[str]:
    """What each token stands for; phones by the names that they have in the lexicon."""
    if not isinstance(tokenizer, PhoneTokenizer):
        return [tokenizer.pieces[token].replace(SPACE, " ") for token in tokens]
    special, phones = list(SPECIAL), tokenizer.phones
    names = special + phones + phones  # inside a word, and at its beginning
    return [names[token] for token in tokens]


def _joint_words(decoder: JointDecoder, tokens: Sequence[int]) -> list[tuple[str, int, int]]:
    tokenizer = decoder.model.tokenizer
    groups = group(tokens, tokenizer.pieces)
    texts = written_words(tokenizer, decoder.lm, tokens)
    if texts is None:
        texts = [tokenizer.decode([tokens[i] for i in indices]) for indices in groups]
    return [(text, rows[0], rows[-1] + 1) for text, rows in zip(texts, groups, strict=True)]


def _whisper_words(
    decoder: WindowDecoder, tokens: Sequence[int], language: str | None
) -> list[tuple[str, int, int]]:
    """Words between timestamps, which are no words."""
    words: list[tuple[str, int, int]] = []
    eot = decoder.tokenizer.eot
    spoken = [i for i, token in enumerate(tokens) if token < eot]
    groups = split_words(decoder.tokenizer, [tokens[i] for i in spoken], language)
    sizes = [len(indices) for _, indices in groups]
    for (text, _), (a, b) in zip(groups, pairwise([0, *accumulate(sizes)]), strict=True):
        if a < b and text.strip():
            words.append((text.strip(), spoken[a], spoken[b - 1] + 1))
    return words
