"""Chooses among homophones by the most probable sentence.

The search chooses at the end of each word, knowing only the words before it; here the words after
it count, too (Viterbi over the words, with a state for each context of the n-gram model).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN

STATES = 64  # contexts kept after a word


def likeliest(model: NgramModel, choices: Sequence[Sequence[int]]) -> list[int]:
    """One word id for each list of ids; an empty list gives the unknown word."""
    contexts, scores = model.start(1), np.zeros(1)
    history: list[tuple[np.ndarray, np.ndarray]] = []  # for each word: came from, word
    for ids in choices:
        words = np.array(ids if len(ids) else [UNKNOWN], np.int64)
        table = np.tile(words, (len(contexts), 1))  # (states, words)
        total = scores[:, None] + model.log_prob(contexts, table)
        order = np.argsort(-total, axis=None, kind="stable")
        source, column = np.divmod(order, len(words))
        following = model.extend(contexts[source], words[column])
        _, first = np.unique(following, axis=0, return_index=True)  # the best way to each context
        kept = np.sort(first)[:STATES]
        contexts, scores = following[kept], total.ravel()[order[kept]]
        history.append((source[kept], words[column[kept]]))
    ends = model.log_prob(contexts, np.full((len(contexts), 1), BORDER))[:, 0]
    at, chosen = int((scores + ends).argmax()), []
    for source, word in reversed(history):
        chosen.append(int(word[at]))
        at = int(source[at])
    return chosen[::-1]
