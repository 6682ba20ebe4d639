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

from attnasr_cli.audio.frames import FRAME_S, SAMPLE_RATE_HZ
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded, SegmentDecoder
from attnasr_cli.families.native.decoder import JointDecoder
from attnasr_cli.families.native.detokenize import written_words
from attnasr_cli.families.whisper.decode.batched import WindowDecoder
from attnasr_cli.families.whisper.words import split_words
from attnasr_cli.families.words import group
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import SPACE, SPECIAL, Tokenizer

"""seconds from one column of the features to the next"""
MOST_WEIGHTS = 500_000_000
"""2 GB of them: half an hour and more of a small net, a window or two of a large one"""
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
    """(layer, head) pairs in ``weights`` that follow the audio: all, where the model names none"""
    step_s: float
    """seconds between two memory positions"""
    features: Tensor
    """(T, F) what the encoder saw, normalised"""

    def picture(self) -> Tensor:
        """Weights (U, S), averaged over ``heads``."""
        return torch.stack([self.weights[n, h] for n, h in self.heads]).mean(0)


class Attending:
    """A decoder that also says where it looked: ``extra["attention"]`` of what it decodes."""

    def __init__(
        self, decoder: SegmentDecoder, layer: int | None = None, head: int | None = None
    ) -> None:
        """layer, head: what to keep, from 1; all by default. Raises TypeError for a decoder that it
        cannot look into, and UsageError for a layer or head that the net does not have."""
        if not isinstance(decoder, JointDecoder | WindowDecoder):
            raise TypeError(f"no attention is known of {type(decoder).__name__}")
        if layer is not None or head is not None:  # a second of silence tells what there is
            several = isinstance(decoder, WindowDecoder) and decoder.tokenizer.multilingual
            language = "en" if several else None
            nothing = Decoded([], 0.0, language=language)
            chosen(look(decoder, torch.zeros(SAMPLE_RATE_HZ), nothing), layer, head)
        self.decoder, self.layer, self.head = decoder, layer, head
        self.kept = 0
        self.max_segment_s = decoder.max_segment_s

    def __getattr__(self, name: str) -> Any:
        return getattr(self.decoder, name)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """As the decoder's own, samples (N,) in and texts out."""
        return [
            self._with_attention(samples, found)
            if any(piece.tokens for piece in found.pieces)
            else found
            for samples, found in zip(segments, self.decoder.decode(segments), strict=True)
        ]

    def _with_attention(self, samples: Tensor, found: Decoded) -> Decoded:
        attention = look(self.decoder, samples, found)
        attention = chosen(attention, self.layer, self.head)
        self.kept += attention.weights.numel()
        if self.kept > MOST_WEIGHTS:
            raise UsageError(
                f"more than {MOST_WEIGHTS / 1e6:.0f} million weights of attention",
                "choose a part with --start and --end, or --layer and --head",
            )
        return replace(found, extra={**found.extra, EXTRA: attention})


def chosen(found: Attention, layer: int | None, head: int | None) -> Attention:
    """With the weights of one layer, one head or both only, from 1. Raises UsageError for one that
    the net does not have."""
    if layer is None and head is None:
        return found
    parts: list[slice] = []
    for name, number, count in zip(
        ("layer", "head"), (layer, head), found.weights.shape[:2], strict=True
    ):
        if number is not None and not 1 <= number <= count:
            plural = "s" if count > 1 else ""
            raise UsageError(f"--{name} {number}", f"the decoder has {count} {name}{plural}")
        parts.append(slice(None) if number is None else slice(number - 1, number))
    weights = found.weights[parts[0], parts[1]].clone()  # else all of them stay
    return replace(found, weights=weights, heads=_all_heads(weights))


def _all_heads(weights: Tensor) -> list[tuple[int, int]]:
    return [(n, h) for n in range(weights.shape[0]) for h in range(weights.shape[1])]


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
        heads or _all_heads(weights),
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
