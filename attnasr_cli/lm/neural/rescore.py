"""Log probabilities of many like texts, such as the hypotheses of an utterance, by a neural
language model.

Texts that begin alike share what is computed of their beginning: their tokens are a tree, and each
attends to those on its own branch (as Miao et al. 2023, arXiv:2305.09781).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli.lm.neural.file import load_net


class Rescorer:
    """A neural language model that gives the probabilities of texts."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError where the file cannot be read."""
        loaded = load_net(path)
        self.net, self.tokenizer = loaded.net, loaded.tokenizer

    @torch.inference_mode()
    def log_probs(self, texts: Sequence[str]) -> list[float]:
        """The natural log probability of the tokens of each text; 0 of an empty one."""
        rows = [self.tokenizer.encode(text) for text in texts]
        tree = Tree(self.tokenizer.bos)
        ends = [tree.add(row) for row in rows]
        if len(tree.tokens) == 1:
            return [0.0] * len(texts)
        places = torch.tensor([tree.depth])  # (1, N)
        states = self.net(torch.tensor([tree.tokens]), places, tree.seen()[None])[0]  # (N, D)
        log_probs = self.net.logits(states).float().log_softmax(-1)  # (N, V)
        parent, token = torch.tensor(tree.parent[1:]), torch.tensor(tree.tokens[1:])
        own = [0.0, *log_probs[parent, token].tolist()]
        summed = list[float]()  # from the root to each node
        for node, value in enumerate(own):
            summed.append(value + (summed[tree.parent[node]] if node else 0.0))
        return [summed[end] for end in ends]


class Tree:
    """The tokens of texts, those of a common beginning once. A node comes after its parent."""

    def __init__(self, root: int) -> None:
        self.tokens, self.parent, self.depth = [root], [0], [0]
        self._child: dict[tuple[int, int], int] = {}

    def add(self, row: Sequence[int]) -> int:
        """Add a text; returns its last node."""
        node = 0
        for token in row:
            child = self._child.get((node, token))
            if child is None:
                child = self._child[node, token] = len(self.tokens)
                self.tokens.append(token)
                self.parent.append(node)
                self.depth.append(self.depth[node] + 1)
            node = child
        return node

    def seen(self) -> Tensor:
        """(N, N) bool: whether a node (second axis) is on the branch of another (first axis)."""
        N = len(self.tokens)
        seen = torch.eye(N, dtype=torch.bool)
        for node in range(1, N):
            seen[node] |= seen[self.parent[node]]
        return seen
