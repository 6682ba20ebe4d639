"""The words of a language model as a trie of characters, and the steps of token pieces in it.

Where the tokens are phones, so are the characters: a word then has a node for each of its
pronunciations, and a node may have several words (at most K).

A word is the word-start mark ``▁`` and its letters. A piece such as ``▁th`` or ``ing`` leads from a
node to the one that many characters further down, so a word is found in any segmentation, canonical
or not. In a tokenizer of single characters the space is the mark; there the first word of a
sentence begins after the mark.

N nodes, V pieces, W words, E entries: words and their pronunciations, sorted, so that those below a
node are a range of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from attnasr_cli.lm.vocabulary import SPECIAL, Ints

MARK = "▁"
MARKS = (MARK, " ", "|", "<space>")  # pieces and first characters that begin a word
ROOT, MARKED = 0, 1  # before a word; after the mark
TRIE = ("starts", "beginning", "low", "high", "words", "entry_words")
STEPS = ("keys", "piece", "target", "first")
Characters = npt.NDArray[np.uint32]
HOMOPHONES = 6  # words kept for one pronunciation, the most frequent
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd: hashes of strings, character by character


def normalise(piece: str) -> str:
    """A piece with the word-start mark, if it has one, as ``▁``."""
    if piece in MARKS:
        return MARK
    return MARK + piece[1:] if piece[:1] in (MARK, " ") else piece


class Lists(NamedTuple):
    """A list of numbers for each word."""

    numbers: Ints
    """those of the first word, then those of the second …"""
    first: Ints
    """(W + 1,) where those of each word begin"""

    @staticmethod
    def of(words: Ints, numbers: Ints, size: int) -> Lists:
        """words (M,) that numbers (M,) belong to; ``size`` words in all."""
        first = np.append(0, np.cumsum(np.bincount(words, minlength=size)))
        return Lists(numbers[np.argsort(words, kind="stable")], first)

    def at(self, words: Ints) -> tuple[Ints, Ints]:
        """The numbers (M,) of words (R,), and which of these words each belongs to (M,)."""
        start = self.first[words]
        count = self.first[words + 1] - start
        of = np.repeat(np.arange(len(words)), count)
        skip = start - np.cumsum(count) + count
        return self.numbers[np.arange(len(of)) + skip[of]], of


class Lexicon:
    """The trie: where each piece leads from each node, and which nodes are words."""

    def __init__(
        self,
        words: Sequence[str],
        pieces: Sequence[str],
        encode: Callable[[str], list[int]],
        spoken: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """``words``: all of the vocabulary, the special ones too. ``encode``: text to piece ids.

        ``spoken``: how each word is pronounced, for pieces that are phones; a word without a
        pronunciation is not in the trie.
        """
        self.pieces = len(pieces)
        texts = [normalise(piece) for piece in pieces]
        self.starts = np.array([text.startswith(MARK) for text in texts])
        """(V,) true where a piece begins a word"""
        own = range(len(SPECIAL), len(words))
        if spoken is None:
            entries = [(words[i], i) for i in own]
        else:
            entries = [(way, i) for i in own for way in spoken.get(words[i], ())]
        self._connect(texts, *self._grow(sorted(entries), len(words)))
        first = encode(words[len(SPECIAL)]) if len(words) > len(SPECIAL) else []
        self.beginning = np.array([ROOT if not first or self.starts[first[0]] else MARKED])

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that ``of_arrays`` needs, by name."""
        found = {name: getattr(self, name) for name in TRIE + STEPS}
        return found | {"numbers": self.entries.numbers, "firsts": self.entries.first}

    @staticmethod
    def of_arrays(pieces: int, arrays: Mapping[str, npt.NDArray[Any]]) -> Lexicon:
        """The lexicon with these ``arrays`` and so many pieces."""
        made = Lexicon.__new__(Lexicon)
        made.pieces = pieces
        for name in TRIE + STEPS:
            setattr(made, name, arrays[name])
        made.entries = Lists(arrays["numbers"], arrays["firsts"])
        return made

    @property
    def size(self) -> int:
        """N"""
        return len(self.low)

    @property
    def start(self) -> int:
        """The node at the beginning of a sentence."""
        return int(self.beginning[0])

    def _grow(self, entries: Sequence[tuple[str, int]], size: int) -> tuple[Ints, Characters]:
        """The nodes: every different beginning of an entry (text, word id), depth by depth.

        Returns the parent (N,) and the last character (N,) of each.
        """
        ids = np.array([word for _, word in entries], np.int64)
        depth = max((len(text) for text, _ in entries), default=0) + 1
        marked = np.array([MARK + text for text, _ in entries], f"<U{depth}")
        # (E, depth) code points, 0 after the end
        letters = marked.view("<u4").reshape(len(ids), depth)
        nodes = np.zeros((len(ids), depth), np.int64)  # (E, depth) the node of each beginning
        differs = np.zeros(len(ids), bool)
        differs[:1] = True
        parent, character = [np.array([-1])], [np.array([0], np.uint32)]
        low, high, count = [np.array([0])], [np.array([len(ids)])], 1
        for d in range(depth):
            differs[1:] |= letters[1:, d] != letters[:-1, d]
            here = letters[:, d] > 0
            # rows are sorted, so those that share a beginning lie beside each other
            new = np.flatnonzero(here & differs)
            nodes[:, d] = np.where(here, count - 1 + np.cumsum(here & differs), -1)
            parent.append(nodes[new, d - 1] if d else np.zeros(len(new), np.int64))
            character.append(letters[new, d])
            low.append(new)
            last = np.flatnonzero(here & np.append(differs[1:] | ~here[1:], True)[: len(ids)])
            high.append(self._ends(nodes[:, d], last, count, len(new)))
            count += len(new)
        self.low, self.high = np.concatenate(low), np.concatenate(high)
        lengths = (letters > 0).sum(1)
        ends = nodes[np.arange(len(ids)), lengths - 1]
        place = _rank(ends)  # entries are sorted, so the more frequent of two homophones is first
        shape = max(count, 2), min(int(place.max(initial=0)) + 1, HOMOPHONES)
        self.words = np.full(shape, -1, np.int32)
        """(N, K) ids of the words that end at a node, then -1"""
        kept = place < HOMOPHONES
        self.words[ends[kept], place[kept]] = ids[kept]
        self.entry_words = ids
        """(E,) the word of each entry"""
        self.entries = Lists.of(ids, np.arange(len(ids)), size)
        """the entries of each word"""
        return np.concatenate(parent), np.concatenate(character)

    @staticmethod
    def _ends(nodes: Ints, last: Ints, first: int, count: int) -> Ints:
        """The row after the last one of every node of a depth."""
        ends = np.zeros(count, np.int64)
        np.maximum.at(ends, nodes[last] - first, last + 1)
        return ends

    def _connect(self, texts: Sequence[str], parent: Ints, character: Characters) -> None:
        """The transitions: which piece spells the last characters of which node."""
        lengths = np.array([len(text) for text in texts])
        sources, pieces, targets = [], [], []
        ancestor = np.arange(self.size)
        hashes, power = np.zeros(self.size, np.uint64), np.uint64(1)
        with np.errstate(over="ignore"):
            for length in range(1, lengths.max(initial=0) + 1):
                usable = ancestor > ROOT
                letters = character[ancestor].astype(np.uint64)
                hashes = hashes + letters * power  # the last `length` characters
                power = power * BASE
                ancestor = np.where(usable, parent[ancestor], -1)
                same = np.flatnonzero(lengths == length)
                if not len(same):
                    continue
                wanted = np.array([self._hash(texts[i]) for i in same.tolist()])
                order = np.argsort(wanted, kind="stable")
                at = np.minimum(np.searchsorted(wanted[order], hashes), len(same) - 1)
                found = np.flatnonzero((ancestor >= 0) & (wanted[order][at] == hashes))
                sources.append(ancestor[found])
                pieces.append(same[order][at[found]])
                targets.append(found)
        source = np.concatenate(sources) if sources else np.zeros(0, np.int64)
        piece = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
        target = np.concatenate(targets) if targets else np.zeros(0, np.int64)
        keys = source * self.pieces + piece
        order = np.argsort(keys)
        self.keys, self.piece, self.target = keys[order], piece[order], target[order]
        self.first = np.searchsorted(self.keys, np.arange(self.size + 1) * self.pieces)
        """(N + 1,) the transitions of node i are first[i] … first[i + 1]"""

    @staticmethod
    def _hash(text: str) -> np.uint64:
        total, power = np.uint64(0), np.uint64(1)
        with np.errstate(over="ignore"):
            for c in reversed(text):
                total, power = total + np.uint64(ord(c)) * power, power * BASE
        return total

    def step(self, nodes: Ints, pieces: Ints) -> Ints:
        """The node (R,) that each piece leads to, or -1 where it leaves the trie."""
        wanted = nodes * self.pieces + pieces
        if not len(self.keys):
            return np.full(len(nodes), -1)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((nodes >= 0) & (self.keys[at] == wanted), self.target[at], -1)

    def steps(self, nodes: Ints) -> tuple[Ints, Ints, Ints]:
        """All transitions of nodes (R,): row, piece and target of each, (M,) three times.

        A node of -1 has none.
        """
        inside = np.maximum(nodes, 0)
        count = np.where(nodes >= 0, self.first[inside + 1] - self.first[inside], 0)
        rows = np.repeat(np.arange(len(nodes)), count)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        at = self.first[inside][rows] + offset
        return rows, self.piece[at], self.target[at]


def _rank(values: Ints) -> Ints:
    """How many equal values stand before each one (E,)."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))[: len(values)]
    size = np.diff(np.append(first, len(values)))
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values)) - np.repeat(first, size)
    return rank
