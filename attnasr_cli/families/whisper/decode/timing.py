"""Word times from cross-attention.

The attention of the heads that follow the audio is standardised over tokens, smoothed by a median
filter over time, and dynamic time warping finds the best monotonous path through it, as in
openai-whisper's ``timing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.families.whisper.vocabulary import TIMESTAMP_S
from attnasr_cli.families.whisper.words import split_words
from attnasr_cli.nets.protocol import Memory, select
from attnasr_cli.search.alignment import dtw

MEDIAN = 7  # memory positions: 140 ms
POSITION_S = 0.02


@dataclass
class TimedWord:
    """A word with its times in seconds from the start of the window."""

    text: str
    tokens: list[int]
    start: float
    end: float
    probability: float


@dataclass
class Span:
    """A stretch of text between two timestamps; times in seconds."""

    start: float
    end: float
    tokens: list[int]
    words: list[TimedWord] = field(default_factory=list)


@torch.inference_mode()
def align(
    net: Whisper,
    tokenizer: WhisperTokenizer,
    memory: Memory,
    texts: Sequence[Sequence[int]],
    frames: Sequence[int],
    languages: Sequence[str | None],
    task: str = "transcribe",
    ask_end: bool = False,
) -> list[list[TimedWord]]:
    """Words of each window: texts are tokens without timestamps, frames how much of the window is
    audio, in frames of 10 ms.

    ``ask_end``: the last word ends where the decoder would write its timestamp. The path alone
    draws the last word out over speech that has no text.
    """
    if len(texts) > 1 and memory.frames.device.type == "cpu":
        # The logits of all windows at once would be hundreds of megabytes, and are no faster.
        some = zip(texts, frames, languages, strict=True)
        return [
            align(net, tokenizer, one_of(memory, b), [t], [f], [lang], task, ask_end)[0]
            for b, (t, f, lang) in enumerate(some)
        ]
    starts = [tokenizer.start(language, task, True) for language in languages]
    first = tokenizer.timestamp_begin if ask_end else tokenizer.no_timestamps
    rows = [
        [*start, first, *text, tokenizer.eot] for start, text in zip(starts, texts, strict=True)
    ]
    width = max(map(len, rows))
    padded = [row + [tokenizer.eot] * (width - len(row)) for row in rows]
    logits, weights = net.align(memory, torch.tensor(padded, device=memory.frames.device))
    found: list[list[TimedWord]] = []
    for b, (row, text) in enumerate(zip(rows, texts, strict=True)):
        n = len(starts[b])
        positions = min(frames[b] // 2, weights.shape[-1])
        if not text or positions == 0:
            found.append([])
            continue
        spoken = logits[b, n : n + len(text), : tokenizer.eot].softmax(-1)
        probabilities = spoken[torch.arange(len(text)), torch.tensor(text)].tolist()
        cost = -_path_matrix(weights[b, :, : len(row), :positions])[n:-1]
        tokens_at, positions_at = dtw(cost.double().cpu().numpy())
        words = split_words(tokenizer, [*text, tokenizer.eot], languages[b])
        found.append(_words(words, tokens_at, positions_at, probabilities))
        if ask_end and found[-1]:
            stamps = logits[b, n + len(text), tokenizer.timestamp_begin :]
            _end_at(found[-1], int(stamps.argmax()) * TIMESTAMP_S)
    return found


def one_of(memory: Memory, b: int) -> Memory:
    """The memory of one window."""
    return select(memory, torch.tensor([b], device=memory.frames.device))


def _end_at(words: list[TimedWord], end_s: float) -> None:
    """End the last word at ``end_s``, unless it begins later."""
    spoken = [i for i, word in enumerate(words) if any(map(str.isalnum, word.text))]
    last = spoken[-1] if spoken else 0
    if end_s <= words[last].start:
        return
    words[last].end = end_s
    for mark in words[last + 1 :]:
        mark.start = mark.end = end_s


def _path_matrix(weights: Tensor) -> Tensor:
    """Attention (A, U, S) of the alignment heads → similarity (U, S) of tokens and positions."""
    weights = weights / weights.sum(-1, keepdim=True)  # only the part that is audio counts
    deviation, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    return median((weights - mean) / deviation, MEDIAN).mean(0)


EXCHANGES = (
    (0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3),
    (3, 4),
)  # fmt: skip
"""pairs to bring into order, one after the other, until the middle one of seven is their median
(Devillard 1998, "Fast median search")"""


def median(x: Tensor, width: int) -> Tensor:
    """Median of ``width`` (odd) neighbours along the last axis of (A, U, S), mirrored outside."""
    reach = width // 2
    if x.shape[-1] <= reach:
        return x
    padded = F.pad(x, (reach, reach), mode="reflect")
    if width != MEDIAN:
        return padded.unfold(-1, width, 1).sort()[0][..., reach]
    parts = list(padded.unfold(-1, width, 1).unbind(-1))  # sorting takes five times as long
    for i, j in EXCHANGES:
        parts[i], parts[j] = torch.minimum(parts[i], parts[j]), torch.maximum(parts[i], parts[j])
    return parts[reach]


def _words(
    groups: Sequence[tuple[str, list[int]]],
    tokens_at: NDArray[np.int64],
    positions_at: NDArray[np.int64],
    probabilities: Sequence[float],
) -> list[TimedWord]:
    if len(groups) <= 1:  # the end of the text alone
        return []
    bounds = np.cumsum([0, *(len(tokens) for _, tokens in groups[:-1])])
    jumps = np.diff(tokens_at, prepend=tokens_at[0] - 1).astype(bool)
    times = positions_at[jumps] * POSITION_S
    return [
        TimedWord(
            text, tokens, float(times[a]), float(times[b]), float(np.mean(probabilities[a:b]))
        )
        for (text, tokens), a, b in zip(groups, bounds[:-1], bounds[1:], strict=False)
    ]
