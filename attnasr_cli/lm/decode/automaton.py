"""A word language model as an automaton over tokens, whose states are made when they are first
reached: for a search that asks for single tokens and not for all that may follow.

The scores are those of ``NgramScorer``, which describes them. M transitions at once.
"""

from __future__ import annotations

import numpy as np

from attnasr_cli.lm.decode.costs import EMPTY_WORD, WordCosts
from attnasr_cli.lm.decode.growing import Growing
from attnasr_cli.lm.lexicon import MARKED, ROOT
from attnasr_cli.lm.ngram import Floats
from attnasr_cli.lm.vocabulary import UNKNOWN, Ints

LONGEST = 64  # pieces of a word; further ones of a word outside the vocabulary cost the same


class NgramAutomaton:
    """The states that one search has reached; state 0 is the beginning of a sentence."""

    def __init__(self, costs: WordCosts) -> None:
        self.costs, self.lexicon, self.contexts = costs, costs.lexicon, costs.contexts
        self.context = Growing((), np.int64)
        """(N,) the number of the context before the word in progress"""
        self.node = Growing((), np.int64)
        """(N,) place in the trie, -1 in a word that is not in the vocabulary"""
        self.ahead = Growing((), np.float32)
        """(N,) look-ahead score of the word in progress"""
        self.pieces = Growing((), np.int64)
        """(N,) pieces of the word in progress"""
        self.cost = Growing((), np.float32)
        """(N,) what the end of the word in progress adds, where it has been asked for"""
        self.after = Growing((), np.int64)
        """(N,) the context after that, -1 where it has not been asked for"""
        beginning = self.contexts.numbers([tuple(costs.model.start(1)[0].tolist())])
        self._add(
            beginning, np.array([self.lexicon.start]), np.zeros(1, np.float32), np.zeros(1, int)
        )

    def follow(self, states: Ints, tokens: Ints) -> tuple[Ints, Floats]:
        """The states (M,) that tokens (M,) lead to from states (M,), and what the steps add (M,),
        not yet multiplied by weight."""
        # About half of a beam differs only in words further back than a context reaches.
        pairs, of = np.unique(states * self.lexicon.pieces + tokens, return_inverse=True)
        states, tokens = np.divmod(pairs, self.lexicon.pieces)
        begins = self.costs.starts[tokens]
        self._close(states[begins])
        context = np.where(begins, self.after.room[states], self.context.room[states])
        node, ahead = self.node.room[states], self.ahead.room[states]
        pieces = self.pieces.room[states]
        before = np.where(begins, self.cost.room[states], -ahead)
        following = self.lexicon.step(np.where(begins, ROOT, node), tokens)
        look: Floats = np.zeros(len(states), np.float32)
        inside = np.flatnonzero(following >= 0)
        recent = self.contexts.recent.room[context[inside]]
        look[inside] = self.contexts.look_ahead.values(recent, following[inside])
        # what leaves the trie is a word that is not in the vocabulary
        penalty = self.costs.unknown_penalty
        unknown = self.contexts.ends.room[context, 1]
        outside = np.where(begins, before + unknown + penalty, penalty)
        leaves = unknown + penalty * (pieces + 1) - ahead
        outside = np.where(begins | (node < 0), outside, leaves)
        added: Floats = np.where(following >= 0, before + look, outside)
        new = self._merged(context, following, look, np.where(begins, 1, pieces + 1))
        return new[of], added[of]

    def guess(self, states: Ints) -> Floats:
        """About what each token adds (R, V) in states (R,), as if words did not depend on those
        before them: cheap, to choose the tokens that are worth a ``follow``."""
        costs = self.costs
        node, pieces = self.node.room[states], self.pieces.room[states]
        # of node -1 the last element; before the first word nothing is looked ahead to
        ahead, end = np.where(states == 0, 0.0, costs.alone[node]), costs.alone_end[node]
        outside = costs.unknown_penalty * pieces + costs.alone_unknown
        end = np.where(node < 0, 0.0, np.maximum(end, outside)) + costs.word_bonus
        end = np.where(node == MARKED, EMPTY_WORD, end)
        end = np.where((node == ROOT) | (node == MARKED) & (pieces == 0), 0.0, end) - ahead
        leave = np.where(node < 0, 0.0, outside - ahead) + costs.unknown_penalty
        begin = end + costs.alone_unknown + costs.unknown_penalty
        found: Floats = np.where(costs.starts, begin[:, None], leave[:, None])
        found[:, costs.first_of] = end[:, None] + costs.alone_first
        rows, piece, target = self.lexicon.steps(np.where(node == ROOT, -1, node))
        found[rows, piece] = costs.alone[target] - ahead[rows]
        return found

    def end(self, states: Ints) -> Floats:
        """What the end of the sentence adds (M,) in states (M,), not yet multiplied by weight."""
        self._close(states)
        found: Floats = self.cost.room[states] + self.contexts.ends.room[self.after.room[states], 0]
        return found

    def _merged(self, context: Ints, node: Ints, ahead: Floats, pieces: Ints) -> Ints:
        """States (M,), the same for the same future."""
        place = context * (self.lexicon.size + 1) + node + 1
        key = place * LONGEST + np.minimum(pieces, LONGEST - 1)
        _, first, of = np.unique(key, return_index=True, return_inverse=True)
        found: Ints = self._add(context[first], node[first], ahead[first], pieces[first])[of]
        return found

    def _add(self, context: Ints, node: Ints, ahead: Floats, pieces: Ints) -> Ints:
        first = self.node.size
        self.context.add(context)
        self.node.add(node)
        self.ahead.add(ahead)
        self.pieces.add(pieces)
        self.cost.add(np.zeros(len(node)))
        self.after.add(np.full(len(node), -1))
        return np.arange(first, self.node.size)

    def _close(self, states: Ints) -> None:
        """Make sure that cost and context after the word in progress are known for states (M,)."""
        new = np.unique(states[self.after.room[states] < 0])
        if not len(new):
            return
        context, node = self.context.room[new], self.node.room[new]
        ahead, pieces = self.ahead.room[new], self.pieces.room[new]
        places, ends = self.contexts.places.room[context], self.contexts.ends.room[context]
        word, cost = self.costs.close(places, ends[:, 1], node, ahead, pieces)
        after = context.copy()
        empty = (node == ROOT) | (node == MARKED)
        full = np.flatnonzero(~empty)
        after[full] = self.contexts.after(
            context[full], np.where(word[full] < 0, UNKNOWN, word[full])
        )
        self.cost.room[new], self.after.room[new] = cost, after
