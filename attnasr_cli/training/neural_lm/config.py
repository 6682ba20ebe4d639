"""The ``[neural_lm]`` table of a recipe: how a neural language model is trained."""

from __future__ import annotations

from dataclasses import dataclass

from attnasr_cli.errors import UsageError


@dataclass(frozen=True)
class NeuralLmConfig:
    """How the net is trained. Texts have one sentence a line, in the order in which they follow
    each other."""

    texts: tuple[tuple[str, int], ...]
    """files of text, and how many times each counts"""
    held_out: str = ""
    """such a text to measure on, each line on its own; empty for none"""
    pieces: int = 4096
    """subwords of the tokenizer"""
    width: int = 256
    heads: int = 4
    layers: int = 4
    hidden: int = 1024
    """of a perceptron"""
    tokens: int = 30_000_000
    """seen in all while training"""
    window: int = 64
    """tokens in a row"""
    batch: int = 4096
    """tokens at once"""
    rate: float = 1.0e-2
    """peak learning rate; it rises over the first 100 steps and falls to zero over the last
    ``fall``"""
    fall: float = 0.6
    weight_decay: float = 0.05
    seed: int = 1
    save_minutes: float = 3.0
    """between two resume points"""

    def __post_init__(self) -> None:
        if not self.texts or any(times < 1 for _, times in self.texts):
            raise UsageError("no text, or a weight under 1", 'give texts = [["books.txt", 1]]')
        sizes = (self.pieces, self.width, self.heads, self.layers, self.hidden, self.tokens)
        if min(*sizes, self.window, self.batch) < 1 or self.rate <= 0 or self.save_minutes <= 0:
            raise UsageError("a size or the rate is not positive", "see attnasr train --list")
        if self.width % self.heads:
            raise UsageError(
                f"width {self.width} cannot be shared by {self.heads} heads", "use a multiple"
            )
        if self.batch < self.window:
            raise UsageError("batch is smaller than window", "both are tokens")
