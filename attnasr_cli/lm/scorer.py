"""A word language model that scores the tokens of an acoustic model, token by token.

Inside a word a row has the score of the best word that its prefix can become (look-ahead). When the
word ends (at a piece that begins another word, or at the end of the sentence) that is replaced by
the score of the word itself, so the score of a sentence is exactly the sum over its words:

    Σ_words (log p(word | context) + word_bonus) + log p(end | context)

A word that is not in the vocabulary is possible: log p(<unk> | context) + unknown_penalty for each
of its pieces. R rows, V pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.lm.decode.automaton import NgramAutomaton
from attnasr_cli.lm.decode.contexts import Words
from attnasr_cli.lm.decode.costs import AHEAD_RISE, AHEAD_WORDS, WordCosts
from attnasr_cli.lm.homophones import Homophones
from attnasr_cli.lm.lexicon import MARKED, ROOT
from attnasr_cli.lm.ngram import Floats
from attnasr_cli.lm.vocabulary import UNKNOWN, Ints

__all__ = ["AHEAD_WORDS", "NgramScorer", "State", "words_of"]


Arrays = tuple[Ints, Ints, Floats, Ints, Floats]
"""context, node, ahead, pieces and unknown of a State"""


class State(NamedTuple):
    """The state of a row."""

    context: Tensor
    """(R, n-1) ids of the last complete words, -1 before the beginning"""
    node: Tensor
    """(R,) place in the trie, -1 in a word that is not in the vocabulary"""
    ahead: Tensor
    """(R,) look-ahead score of the word in progress"""
    pieces: Tensor
    """(R,) pieces of the word in progress"""
    unknown: Tensor
    """(R,) log p(<unk> | context)"""


class NgramScorer(WordCosts):
    """A scorer of the beam search, from a language model and the pieces of a tokenizer."""

    @property
    def monotone(self) -> bool:
        """Whether scores never rise: true where a negative word bonus outweighs AHEAD_RISE, by
        which the end of a word may raise the score above look-ahead with less context."""
        whole = self.ahead_words >= self.model.start(1).shape[1]
        return self.word_bonus <= (0.0 if whole else -AHEAD_RISE)

    def start(self, memory: Any, rows: int) -> State:
        """The state at the beginning of ``rows`` sentences, on the device of the memory."""
        device = getattr(getattr(memory, "frames", None), "device", torch.device("cpu"))
        self.forget_if_full()
        context = self.model.start(rows)
        unknown = self.model.log_prob(context, np.full((rows, 1), UNKNOWN))[:, 0]
        node = np.full(rows, self.lexicon.start)
        zeros = np.zeros(rows)
        return self._state(context, node, zeros, zeros, unknown, device)

    def score(self, state: State) -> Tensor:
        """The natural log score (R, V) that each next token adds, not yet multiplied by weight."""
        device = state.node.device
        arrays, row_of = _distinct(self._arrays(state))
        scores = self._score(*arrays)  # (R', V), a row for each different state
        return torch.from_numpy(scores[row_of]).to(device)

    def _score(
        self, context: Ints, node: Ints, ahead: Floats, pieces: Ints, unknown: Floats
    ) -> Floats:
        """As ``score``, for arrays: (R, V)."""
        contexts = self.contexts
        before = contexts.numbers(words_of(context))
        word, close = self.close(contexts.places.room[before], unknown, node, ahead, pieces)
        after = contexts.numbers(words_of(self._after(context, node, word)))
        ends = contexts.ends.room[after]  # (R, 2)

        # a piece inside a word leaves the trie …
        leave = np.where(
            node < 0, self.unknown_penalty, unknown + self.unknown_penalty * (pieces + 1) - ahead
        )
        # … and so does one that begins a word which is not in the vocabulary
        begin = close + ends[:, 1] + self.unknown_penalty
        scores = np.where(self.starts, begin[:, None], leave[:, None]).astype(np.float32)  # (R, V)
        look_ahead = contexts.look_ahead
        first = look_ahead.first(contexts.recent.room[after])
        scores[:, self.first_of] = close[:, None] + first
        rows, piece, target = self.lexicon.steps(np.where(node == ROOT, -1, node))
        if len(rows):
            best = look_ahead.values(contexts.recent.room[before[rows]], target)
            scores[rows, piece] = best - ahead[rows]
        scores[:, self.eos] = close + ends[:, 0]
        return scores

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state after one chosen token (R,) for each row."""
        context, node, _, pieces, unknown = self._arrays(state)
        token = tokens.detach().cpu().numpy().astype(np.int64)
        begins = self.starts[token]
        new = np.flatnonzero(begins)
        contexts = self.contexts
        before = contexts.numbers(words_of(context))
        if len(new):
            word, _ = self.ending(contexts.places.room[before[new]], node[new])
            context, unknown = context.copy(), unknown.copy()
            context[new] = self._after(context[new], node[new], word)
            before[new] = contexts.numbers(words_of(context[new]))
            unknown[new] = contexts.ends.room[before[new], 1]
        node = self.lexicon.step(np.where(begins, ROOT, node), token)
        pieces = np.where(begins, 1, pieces + 1)
        inside = np.flatnonzero(node >= 0)
        ahead = np.zeros(len(node), np.float32)
        if len(inside):
            recent = contexts.recent.room[before[inside]]
            ahead[inside] = contexts.look_ahead.values(recent, node[inside])
        return self._state(context, node, ahead, pieces, unknown, state.node.device)

    def automaton(self) -> NgramAutomaton:
        """The same scores for a search that asks for one transition at a time."""
        self.forget_if_full()
        return NgramAutomaton(self)

    def words(self, rows: Sequence[Sequence[int]]) -> list[list[str | None]]:
        """The words that each row of tokens spells, among homophones the most probable; None for a
        word outside the vocabulary."""
        names = self.model.vocabulary.words
        chosen = self._homophones.likeliest([self._choices(tokens) for tokens in rows])
        return [[None if i == UNKNOWN else names[i] for i in ids] for ids in chosen]

    def _choices(self, tokens: Sequence[int]) -> list[list[int]]:
        """The words of the same sound, for each word that the tokens spell."""
        nodes: list[int] = []
        for token in tokens:
            if self.starts[token] or not nodes:
                nodes.append(self.lexicon.start if not nodes else ROOT)
            nodes[-1] = self._step(nodes[-1], token)
        return [self._spelt(node) for node in nodes]

    @cached_property
    def _homophones(self) -> Homophones:
        return Homophones(self.model)

    def _step(self, node: int, token: int) -> int:
        """The node after a token, -1 outside the trie."""
        found = self._steps.get((node, token))
        if found is None:
            found = int(self.lexicon.step(np.array([node]), np.array([token]))[0])
            self._steps[node, token] = found
        return found

    @cached_property
    def _steps(self) -> dict[tuple[int, int], int]:
        return {}

    def _spelt(self, node: int) -> list[int]:
        """The words that end at a node."""
        return [] if node < 0 else [i for i in self.lexicon.words[node].tolist() if i >= 0]

    def _after(self, context: Ints, node: Ints, word: Ints) -> Ints:
        """The contexts (R, n-1) when the word in progress, if there is one, ends here."""
        empty = (node == ROOT) | (node == MARKED)
        extended = self.model.extend(context, np.where(word < 0, UNKNOWN, word))
        return np.where(empty[:, None], context, extended)

    def _arrays(self, state: State) -> Arrays:
        context, node, ahead, pieces, unknown = (leaf.detach().cpu().numpy() for leaf in state)
        return context, node, ahead, pieces, unknown

    def _state(
        self, context: Ints, node: Ints, ahead: Any, pieces: Any, unknown: Any, device: torch.device
    ) -> State:
        def tensor(values: Any, kind: type[np.generic]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, kind)).to(device)

        integer, real = np.int64, np.float32
        return State(
            tensor(context, integer),
            tensor(node, integer),
            tensor(ahead, real),
            tensor(pieces, integer),
            tensor(unknown, real),
        )


def _distinct(arrays: Arrays) -> tuple[Arrays, Ints]:
    """Each different state once, and which of them every row has: about half of a beam differs
    only in words that are further back than a context reaches."""
    context, node, ahead, pieces, unknown = arrays
    keys = np.column_stack([context, node, pieces]).tolist()  # the rest follows from these
    number: dict[tuple[int, ...], int] = {}
    row_of = np.array([number.setdefault(tuple(key), len(number)) for key in keys], np.int64)
    first = np.zeros(len(number), np.int64)
    first[row_of[::-1]] = np.arange(len(keys))[::-1]
    chosen = context[first], node[first], ahead[first], pieces[first], unknown[first]
    return chosen, row_of


def words_of(context: Ints) -> list[Words]:
    """The words of each context (R, n-1)."""
    return list(map(tuple, context.tolist()))
