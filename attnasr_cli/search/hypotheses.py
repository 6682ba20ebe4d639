"""The configuration of a search, its hypotheses, and the rule for when an utterance is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SearchConfig:
    """The settings of a search."""

    beams: int = 1
    """hypotheses kept for an utterance; 1 is greedy"""
    length_penalty: float | None = 0.0
    """0: sum of scores; None: mean over tokens; else ((5 + n) / 6) ** penalty (Wu et al. 2016)"""
    patience: float = 1.0
    """stop after beams · patience finished hypotheses (Kasai et al. 2022)"""
    nbest: int = 1
    """hypotheses returned for an utterance, best first"""
    net_weight: float = 1.0
    """weight of the net's log probabilities beside those of the scorers; at 0 the decoder is not
    run at all, and ``log_prob`` of a hypothesis comes from the first scorer"""
    exhaustive: bool = False
    """with K > 1: go on after K hypotheses have ended, until none in flight scores better than the
    worst of the K best, and count the end token in their length, as transformers does"""

    @property
    def keeps_best(self) -> bool:
        """Whether a better hypothesis replaces a worse one that ended earlier."""
        return self.exhaustive and self.beams > 1

    @property
    def room(self) -> int:
        """How many ended hypotheses are kept."""
        return self.beams if self.keeps_best else max(round(self.beams * self.patience), 1)


@dataclass(frozen=True)
class Hypothesis:
    """One finished (or cut off) sequence."""

    tokens: list[int]
    """without prompt and end token"""
    score: float
    """the weighted sum that the search maximised, before length normalisation"""
    log_prob: float
    """the net's own log probability, end token included"""
    token_log_probs: list[float]
    """the net's own log probability of each token"""
    finished: bool
    """false: cut off at the token limit"""

    def normalized(self, penalty: float | None) -> float:
        """Score after length normalisation."""
        return normalized(self.score, len(self.tokens), penalty)


def normalized(score: float, length: int, penalty: float | None) -> float:
    """A score after length normalisation, see ``SearchConfig.length_penalty``."""
    length = max(length, 1)
    return score / length if penalty is None else float(score / ((5 + length) / 6) ** penalty)


Ended = tuple[float, int, float]
"""score, beam, and the net's log probability of the end token"""
Kept = tuple[float, int, int, float]
"""score, beam, token, and the net's log probability of it"""


class Finished:
    """The hypotheses of one utterance that have ended."""

    def __init__(self, config: SearchConfig, falling: bool) -> None:
        """falling: whether scores never rise as a sequence grows."""
        self.config, self.falling = config, falling
        self.found: list[Hypothesis] = []

    def end(self, ended: Sequence[Ended], make: Callable[[Ended], Hypothesis]) -> None:
        """Hypotheses that end at this step, best first."""
        for one in ended:
            if len(self.found) < self.config.room or self.config.keeps_best:
                self.found.append(make(one))
        self._keep_best()

    def complete(self, kept: Sequence[Kept], length: int) -> bool:
        """Whether no live hypothesis, ``length`` tokens long, can still improve the result."""
        config = self.config
        if not kept:
            return True
        if len(self.found) >= config.room:
            best = normalized(kept[0][0], length, config.length_penalty)
            return not config.keeps_best or best <= self._worst()
        if config.length_penalty == 0.0 and self.falling and not config.keeps_best:
            # Sums that only fall: nothing alive can overtake the best that ended.
            bar = sorted((h.score for h in self.found), reverse=True)[: config.nbest]
            return len(bar) == config.nbest and bar[-1] >= kept[0][0]
        return False

    def cut_off(self, kept: Sequence[Kept], ended: int, make: Callable[[Kept], Hypothesis]) -> None:
        """Add hypotheses that reached the token limit, up to K in all. With ``keeps_best``, all
        that rank among the K best of this step, ``ended`` of which end in it."""
        beams = self.config.beams
        room = beams - ended if self.config.keeps_best else beams - len(self.found)
        self.found += [make(one) for one in kept[: max(room, 0)]]
        self._keep_best()

    def best(self) -> list[Hypothesis]:
        """Up to ``nbest``, best first; ties keep the order of finishing."""
        return sorted(self.found, key=self._rank)[: self.config.nbest]

    def _keep_best(self) -> None:
        if self.config.keeps_best:
            self.found = sorted(self.found, key=self._rank)[: self.config.room]

    def _worst(self) -> float:
        return -max(self._rank(h) for h in self.found)

    def _rank(self, found: Hypothesis) -> float:
        length = len(found.tokens) + int(self.config.keeps_best and found.finished)
        return -normalized(found.score, length, self.config.length_penalty)
