"""Search restricted to a list of phrases, or to texts of listed words: a trie of their tokens, as a
scorer that forbids every other continuation.

It is a scorer and not a rule because the search normalises what a rule allows: inside a phrase,
where only one token can follow, that token would have probability 1 and the first token of a phrase
would decide. As a scorer, every phrase keeps the score that an unrestricted search gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.rules import NEVER
from attnasr_cli.search.scorers import Scorer

ROOT, OUTSIDE = 0, -1


class PhraseTrie:
    """Token sequences as a tree: N nodes, E edges between them, the ends of phrases among these."""

    def __init__(self, phrases: Sequence[Sequence[int]], eos: int, repeated: bool = False) -> None:
        """phrases: token sequences without the end token, none of them empty. repeated: any number
        of them may follow each other; no phrase then has a token inside that begins another one."""
        children: list[dict[int, int]] = [{}]
        for phrase in phrases:
            node = ROOT
            for token in phrase:
                if token not in children[node]:
                    children[node][token] = len(children)
                    children.append({})
                node = children[node][token]
            children[node][eos] = OUTSIDE
        if repeated:
            for table in children:
                if eos in table:
                    table |= children[ROOT]
        self.count = len({tuple(phrase) for phrase in phrases})
        """different phrases"""
        self.depth = max(len(phrase) for phrase in phrases)
        """tokens of the longest"""
        sizes = [len(edges) for edges in children]
        self.first = torch.from_numpy(np.cumsum([0, *sizes]))
        """(N + 1,) the edges of node i are first[i] … first[i + 1]"""
        edges = [edge for table in children for edge in sorted(table.items())]
        self.token = torch.tensor([token for token, _ in edges])
        """(E,)"""
        self.target = torch.tensor([target for _, target in edges])
        """(E,) the node that an edge leads to, OUTSIDE at the end of a phrase"""


class PhraseScorer:
    """Scores 0 for every token that continues a phrase, −∞ for any other."""

    weight = 1.0
    monotone = True

    def __init__(self, trie: PhraseTrie, vocab: int) -> None:
        """vocab: V of the net."""
        self.trie, self.vocab = trie, vocab
        node = torch.repeat_interleave(torch.arange(len(trie.first) - 1), trie.first.diff())
        self.keys = node * vocab + trie.token  # (E,) rising

    def start(self, memory: Memory, rows: int) -> Tensor:
        """The node (R,) of every row."""
        return torch.full((rows,), ROOT, device=memory.frames.device)

    def score(self, state: Tensor) -> Tensor:
        """(R, V)"""
        node = state.cpu()
        inside = node.clamp_min(ROOT)
        sizes = torch.where(node >= 0, self.trie.first[inside + 1] - self.trie.first[inside], 0)
        row = torch.repeat_interleave(torch.arange(len(node)), sizes)
        before = torch.repeat_interleave(sizes.cumsum(0) - sizes, sizes)
        edge = self.trie.first[inside][row] + torch.arange(len(row)) - before
        scores = torch.full((len(node), self.vocab), NEVER)
        scores[row, self.trie.token[edge]] = 0.0
        return scores.to(state.device)

    def advance(self, state: Tensor, tokens: Tensor) -> Tensor:
        """The node (R,) after one token (R,) a row."""
        node = state.cpu()
        wanted = node * self.vocab + tokens.cpu()
        edge = torch.searchsorted(self.keys, wanted).clamp_max(len(self.keys) - 1)
        found = (node >= 0) & (self.keys[edge] == wanted)
        return torch.where(found, self.trie.target[edge], OUTSIDE).to(state.device)


def search_phrases(
    net: Net,
    memory: Memory,
    prompt: Tensor,
    eos: int,
    scorer: PhraseScorer,
    scorers: Sequence[Scorer] = (),
    net_weight: float = 1.0,
    beams: int = 64,
) -> list[list[Hypothesis]]:
    """The phrases for every utterance of a batch, best first: all of them, each with its exact
    score, where there are no more than ``beams``; else those that a beam of that width finds.

    prompt (B, n); scorers: others, with net_weight as in ``SearchConfig``.
    """
    width = min(scorer.trie.count, beams)
    config = SearchConfig(beams=width, nbest=width, net_weight=net_weight)
    limit = scorer.trie.depth + 1
    return search(net, memory, prompt, eos, limit, config, (), [*scorers, scorer])
