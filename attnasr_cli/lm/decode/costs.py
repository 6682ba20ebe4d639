"""What the words of a language model cost where they end and while they are spelt, shared by the
scorer of all tokens (``scorer``) and the automaton of single ones (``automaton``).

R rows, N nodes of the lexicon, F of which begin words, n orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from attnasr_cli.lm.decode.contexts import Contexts
from attnasr_cli.lm.decode.lookahead import LEAST, LookAhead
from attnasr_cli.lm.file import load_model
from attnasr_cli.lm.lexicon import MARKED, ROOT, Lexicon
from attnasr_cli.lm.ngram import Floats, NgramModel
from attnasr_cli.lm.vocabulary import UNKNOWN, Ints

AHEAD_WORDS = 2
AHEAD_RISE = 2.0
"""natural logarithm: in all but rare cases, a whole context makes a word more probable than
look-ahead assumed by at most this much"""
EMPTY_WORD = -20.0  # natural logarithm: two word marks with nothing between are no word


class WordCosts:
    """A language model, the pieces that spell its words, and weights."""

    def __init__(
        self,
        model: NgramModel | Path | str,
        pieces: Sequence[str],
        encode: Callable[[str], list[int]],
        eos: int,
        *,
        weight: float = 0.3,
        word_bonus: float = 0.0,
        unknown_penalty: float = -4.0,
        spoken: Mapping[str, Sequence[str]] | None = None,
        ahead_words: int = AHEAD_WORDS,
        lexicon: Lexicon | None = None,
    ) -> None:
        """``encode``: text to piece ids (asked once, how a sentence begins). ``eos``: a piece id.
        ``spoken``: the pronunciations of words, where the pieces are phones.

        ``word_bonus`` is added to every complete word and ``unknown_penalty`` to every piece of an
        unknown one: natural logarithms, before the search multiplies with ``weight``.
        ``ahead_words``: words of context used for look-ahead inside a word; more prune better and
        take more time. At the end of a word the whole context is used in any case. ``lexicon``: of
        these words and pieces, where it is made already.
        """
        self.model = model if isinstance(model, NgramModel) else load_model(Path(model))
        self.weight, self.eos, self.ahead_words = weight, eos, ahead_words
        self.word_bonus, self.unknown_penalty = word_bonus, unknown_penalty
        if lexicon is None:
            lexicon = Lexicon(self.model.vocabulary.words, pieces, encode, spoken)
        self.lexicon = lexicon
        self.starts = lexicon.starts.copy()
        self.starts[eos] = False
        _, self.first_of, first = lexicon.steps(np.array([ROOT]))
        look_ahead = LookAhead(self.model, lexicon, first, ahead_words)
        self.contexts = Contexts(self.model, look_ahead)
        # without any context, for guesses
        words = lexicon.words[:, 0]
        self.alone = np.append(look_ahead.base, np.float32(0.0))
        """(N + 1,) look-ahead of each node, 0 of what is outside the trie"""
        self.alone_end = np.append(
            np.where(words < 0, LEAST, self.model.orders[0].log_prob[np.maximum(words, 0)]), LEAST
        )
        """(N + 1,) log p of the word that ends at each node"""
        self.alone_unknown = float(self.model.orders[0].log_prob[UNKNOWN])
        self.alone_first = look_ahead.base[first]
        """(F,) look-ahead of the nodes that begin words"""

    def ending(self, places: Ints, node: Ints) -> tuple[Ints, Floats]:
        """The word (R,) that ends at each node, or -1, and its log probability; of several that
        sound alike the most probable one. places (R, n-1) of the contexts."""
        found, log_prob = np.full(len(node), -1), np.zeros(len(node), np.float32)
        at = np.flatnonzero((node >= 0) & (self.lexicon.words[node, 0] >= 0))
        if not len(at):
            return found, log_prob
        choices = self.lexicon.words[node[at]].astype(np.int64)  # (R', K)
        choices = choices[:, : int((choices >= 0).sum(1).max())]
        asked = self.model.log_prob_at(places[at], np.maximum(choices, 0))
        asked = np.where(choices < 0, np.float32(-np.inf), asked)
        best = asked.argmax(1)[:, None]
        found[at] = np.take_along_axis(choices, best, 1)[:, 0]
        log_prob[at] = np.take_along_axis(asked, best, 1)[:, 0]
        return found, log_prob

    def close(
        self, places: Ints, unknown: Floats, node: Ints, ahead: Floats, pieces: Ints
    ) -> tuple[Ints, Floats]:
        """The word (R,) that ends here, -1 for none of the vocabulary, and what its end adds (R,).

        places (R, n-1) of its context; node, ahead, pieces and unknown (R,) of a State.
        """
        word, known = self.ending(places, node)
        cost = np.where(word >= 0, known, unknown + self.unknown_penalty * pieces)
        empty = (node == ROOT) | (node == MARKED)
        close = np.where(empty, 0, np.where(node < 0, 0, cost) + self.word_bonus) - ahead
        close = np.where((node == MARKED) & (pieces > 0), EMPTY_WORD - ahead, close)
        return word, close.astype(np.float32)

    def forget_if_full(self) -> None:
        """Begin the cached contexts anew where there are too many. What searches hold stays."""
        if self.contexts.full:
            self.contexts = self.contexts.fresh()
