"""Read this first: what every net offers, and the few rules that make one search serve them all.

Axis letters: ``B`` utterances · ``K`` beams · ``R`` = B·K rows · ``T`` frames · ``S`` memory
positions · ``U`` tokens · ``V`` vocabulary · ``F`` mel bins · ``D`` width · ``H`` heads ·
``L`` layers.

The rules:

1. Memory keeps B rows however many beams are alive; beams ride on the query axis
   (``q.view(B, K, D)`` against ``(B, S, D)``). It is never copied or reordered.
2. State is a value, passed in and returned: a tree of tensors, rows first. ``reorder`` is the one
   function that picks rows of it. No hooks, no ``reset()``.
3. The search knows only numbers. Rules and scorers are built outside and passed as lists.
4. Padding never leaks: attention is masked by ``lengths``, every convolution along time is masked
   before it runs, and a padded position gets weight exactly 0.
5. Speed may specialise what is behind the interface, never the interface.

Token 0 is the blank of a CTC head in every net that has one; it is never a decoder output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

Tree = Any
"""A tensor, or a tuple, named tuple, list or dict of trees. ``None`` is an empty tree."""

BLANK = 0


class Memory(NamedTuple):
    """What the encoder leaves for the decoder to attend to."""

    frames: Tensor
    """(B, S, D)"""
    lengths: Tensor
    """(B,) valid positions of each utterance"""
    keys: Tree
    """whatever the decoder computes from the frames once; B rows first"""
    step_s: float
    """seconds of audio between two memory positions"""
    inner_ctc: tuple[Tensor, ...] = ()
    """(B, S, V) logits of CTC heads inside the encoder, where the net has them (training only)"""

    @property
    def mask(self) -> Tensor:
        """(B, S) true where a position is valid."""
        return length_mask(self.lengths, self.frames.shape[1])


class Step(NamedTuple):
    """One step of the decoder for all rows."""

    log_probs: Tensor
    """(R, V) natural logarithms; each row sums to 1 in probability"""
    weights: Tensor
    """(R, S) attention, averaged over heads; sums to 1 and is 0 on padding"""
    state: Tree


class Net(nn.Module, ABC):
    """An attention encoder-decoder: architecture only; no files, no text, no audio."""

    name: ClassVar[str]
    Config: ClassVar[type]
    config: Any

    @abstractmethod
    def encode(self, features: Tensor, lengths: Tensor) -> Memory:
        """features (B, T, F) and their lengths (B,) in frames → what the decoder attends to."""

    @abstractmethod
    def start(self, memory: Memory, beams: int) -> Tree:
        """The decoder's state before the first token, for R = B·beams rows."""

    @abstractmethod
    def step(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        """Feed tokens (R, n) and get the distribution of the next one; n > 1 only for a prompt."""

    def scores(self, tokens: Tensor, state: Tree, memory: Memory) -> Step:
        """As ``step``, but each row of ``log_probs`` may be off by a constant, for a search that
        forbids tokens and normalises what is left. Worth its own code for large vocabularies."""
        return self.step(tokens, state, memory)

    @abstractmethod
    def decode(self, memory: Memory, tokens: Tensor) -> Tensor:
        """Teacher-forced logits (B, U, V): position u has seen tokens (B, U) up to and with u."""

    @abstractmethod
    def attend(self, memory: Memory, tokens: Tensor) -> Tensor:
        """All cross-attention weights (B, L, H, U, S), for pictures and word times."""

    def forward(self, features: Tensor, lengths: Tensor, tokens: Tensor) -> Tensor:
        """features (B, T, F), lengths (B,), tokens (B, U) → logits (B, U, V), for training."""
        return self.decode(self.encode(features, lengths), tokens)

    @property
    def has_ctc(self) -> bool:
        return False

    def ctc(self, memory: Memory) -> Tensor:
        """Logits (B, S, V) of the CTC head. Raises TypeError where the net has none."""
        raise TypeError(f"{self.name} has no CTC head")

    @property
    def max_tokens(self) -> int | None:
        """The longest token sequence that the decoder can hold, or None for no limit."""
        return None


def map_tree(fn: Callable[[Any], Any], tree: Tree) -> Tree:
    """Apply ``fn`` to every leaf of a tree and keep its shape.

    A leaf is a tensor, or an object with ``reorder_rows(rows)`` (a preallocated cache).
    Raises TypeError for anything else.
    """
    if tree is None:
        return None
    if isinstance(tree, Tensor) or hasattr(tree, "reorder_rows"):
        return fn(tree)
    if isinstance(tree, dict):
        return {key: map_tree(fn, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_tree(fn, value) for value in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(map_tree(fn, value) for value in tree)
    raise TypeError(f"a state is a tree of tensors, not {type(tree).__name__}")


def reorder(state: Tree, rows: Tensor) -> Tree:
    """Pick rows of every leaf in a state: row i of the result is row ``rows[i]`` of ``state``."""

    def pick(leaf: Any) -> Any:
        return leaf.index_select(0, rows) if isinstance(leaf, Tensor) else leaf.reorder_rows(rows)

    return map_tree(pick, state)


def select(memory: Memory, utterances: Tensor) -> Memory:
    """The memory of some utterances, in the order given by indices (B',)."""
    return Memory(
        memory.frames.index_select(0, utterances),
        memory.lengths.index_select(0, utterances),
        map_tree(lambda t: t.index_select(0, utterances), memory.keys),
        memory.step_s,
        tuple(t.index_select(0, utterances) for t in memory.inner_ctc),
    )


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """(B,) lengths → (B, size), true where an index is inside the length."""
    return torch.arange(size, device=lengths.device) < lengths[:, None]
