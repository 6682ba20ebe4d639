"""Token-level training targets: the prompt, the tokens of a text, and the end token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """How the texts of training data become targets of the decoder."""

    prompt: tuple[int, ...]
    """fed before every text and not scored"""
    eos: int
    """the end token, scored after every text"""
    encode: Callable[[str], list[int]]
    """a text → its tokens, without prompt and end"""
    window: int | None = None
    """frames of the window to which the net pads every utterance; None: it takes any length"""
    join: Callable[[Sequence[Tensor], Sequence[int]], Tensor] | None = None
    """features (T, F) of utterances, and the frames of silence behind each but the last → features
    of one window with all of them; None: utterances can't share a window"""
