"""What a decoder is trained to write: the prompt, the tokens of a text, the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """The part of training that depends on the tokens of a model."""

    prompt: tuple[int, ...]
    """fed in front of every text and not scored"""
    eos: int
    """scored behind every text"""
    encode: Callable[[str], list[int]]
    """a text → its tokens, without prompt and end"""
    window: int | None = None
    """frames that the net fills every utterance up to; None: it takes any length"""
    join: Callable[[Sequence[Tensor], Sequence[int]], Tensor] | None = None
    """features (T, F) of utterances, and the frames of silence behind each but the last → features
    of one window with all of them; None: utterances can't share a window"""
