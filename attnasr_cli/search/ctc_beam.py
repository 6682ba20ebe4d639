"""Beam search for nets whose CTC head alone decides, beside a language model or without one.

It maximises what ``beam.search`` does with ``CtcPrefixScorer`` of weight 1,

    log p(tokens | audio) + weight · log p(tokens | language model),

and goes from token to token as well, but asks the language model only for continuations that are
probable without it, and looks only at the frames where a prefix can end.

B' utterances still searched, K prefixes each, V tokens, M continuations.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from attnasr_cli.search.ctc_frames import Doubles, Frames, Ints, Prefixes
from attnasr_cli.search.hypotheses import Ended, Finished, Hypothesis, SearchConfig

ASKED = 4
"""continuations of an utterance that the language model is asked for, for each beam"""
NEVER = -np.inf
ONE_AT_A_TIME = threading.Lock()
"""Held by a search: most of it holds Python's lock, and two that fight for that take longer than
one after the other. Threads that wait here let those with a net go on."""


class Automaton(Protocol):
    """A language model whose states have numbers; 0 is the beginning."""

    def follow(self, states: Ints, tokens: Ints) -> tuple[Ints, Any]:
        """The states (M,) that tokens (M,) lead to from states (M,), and the natural log scores
        (M,) of these steps."""

    def guess(self, states: Ints) -> Any:
        """About what each token adds (R, V) in states (R,), cheaper than to follow it."""

    def end(self, states: Ints) -> Any:
        """The natural log score (M,) that the end of the sequence adds in states (M,)."""


def ctc_search(
    logits: Tensor,
    lengths: Tensor,
    eos: int,
    limits: Tensor,
    config: SearchConfig,
    automaton: Automaton | None = None,
    weight: float = 0.0,
    falling: bool = True,
) -> list[list[Hypothesis]]:
    """Find the best token sequences for every utterance of a batch.

    logits (B, S, V) of a CTC head and their lengths (B,); limits (B,) in tokens. ``weight`` of the
    automaton's scores; ``falling``: whether these never rise. Returns up to ``nbest`` hypotheses
    for each utterance, best first.
    """
    log_probs = logits.double().log_softmax(-1).cpu().numpy()
    size = lengths.cpu().numpy().astype(np.int64)
    with ONE_AT_A_TIME, np.errstate(divide="ignore"):  # the logarithm of nothing
        job = _Search(Frames(log_probs, size, eos), config, automaton, weight, falling)
        job.limits = limits.tolist()
        while job.alive:
            job.advance()
    return [finished.best() for finished in job.finished]


class _Step(NamedTuple):
    """The continuations that a step chose."""

    places: dict[int, int]
    """the row of each utterance"""
    parent: Ints
    """(B', K) the prefix that was continued"""
    token: Ints
    """(B', K)"""
    log_prob: Doubles
    """(B', K) of the token, given the prefix"""


class _Search:
    """The prefixes in flight."""

    def __init__(
        self,
        frames: Frames,
        config: SearchConfig,
        automaton: Automaton | None,
        weight: float,
        falling: bool,
    ) -> None:
        self.config, self.automaton, self.weight = config, automaton, weight
        B = len(frames.lengths)
        self.prefixes = Prefixes(frames, config.beams)
        self.finished = [Finished(config, falling) for _ in range(B)]
        self.alive = list(range(B))
        self.limits: list[int] = []
        self.length = 0
        shape = B, config.beams
        self.acoustic: Doubles = np.full(shape, NEVER)
        """(B', K) log probability of the prefixes under the CTC head, whatever follows"""
        self.acoustic[:, 0] = 0.0
        self.language: Doubles = np.zeros(shape)
        """(B', K) their weighted scores under the language model"""
        self.state: Ints = np.zeros(shape, np.int64)
        self.trace: list[_Step] = []

    def advance(self) -> None:
        """Find the best continuations and go on with them."""
        extended = self.prefixes.extended()  # (B', K, V)
        index, score, following, added = self._best(extended)
        row = np.arange(len(index))[:, None]
        parent, token = np.divmod(index, extended.shape[2])  # (B', K)
        acoustic = extended[row, parent, token]
        done = self._end(score)
        places = {b: i for i, b in enumerate(self.alive)}
        spent = acoustic - np.where(score > NEVER, self.acoustic[row, parent], 0.0)
        self.trace.append(_Step(places, parent, token, spent))
        self.acoustic, self.state = acoustic, following
        self.language = self.language[row, parent] + added
        self.prefixes.advance(parent, token, score > NEVER)
        for i, b in enumerate(self.alive):
            if len(self.trace) >= self.limits[b] and i not in done:
                self._cut_off(i, b)
                done.add(i)
        if done:
            self._keep([i for i in range(len(self.alive)) if i not in done])

    def _best(self, extended: Doubles) -> tuple[Ints, Doubles, Ints, Doubles]:
        """The best continuations of each utterance from extended (B', K, V), (B', K) each: prefix ·
        V + token, score, state of the language model and its weighted score.

        Where there are fewer than K, the others have the score NEVER.
        """
        B, K, V = extended.shape
        flat = (extended + self.language[:, :, None]).reshape(B, K * V)
        likely = flat
        if self.automaton is not None:
            states, of = np.unique(self.state, return_inverse=True)
            guess = self.weight * self.automaton.guess(states)
            likely = flat + guess[of.ravel()].reshape(B, K * V)
        index = _top(likely, min(round(ASKED * K), K * V))  # (B', M)
        score = np.take_along_axis(flat, index, 1)
        following, added = np.zeros_like(index), np.zeros_like(score)
        if self.automaton is not None:
            some = np.nonzero(score > NEVER)
            parent, token = np.divmod(index[some], V)
            following[some], score_of = self.automaton.follow(self.state[some[0], parent], token)
            added[some] = self.weight * score_of
        score += added
        best = _top(score, K)
        row = np.arange(B)[:, None]
        return index[row, best], score[row, best], following[row, best], added[row, best]

    def _end(self, score: Doubles) -> set[int]:
        """Set aside the prefixes that end here better than the worst continuation; score (B', K) of
        the continuations. Returns the places of the utterances that are done."""
        log_prob = self.prefixes.ended()  # (B', K)
        total = log_prob + self.language
        worst, best = score.min(1), score.max(1)
        some = np.nonzero(total > worst[:, None])
        if self.automaton is not None and len(some[0]):
            total[some] += self.weight * self.automaton.end(self.state[some])
        done: set[int] = set()
        for i, b in enumerate(self.alive):
            ended = [
                (float(total[i, k]), int(k), float(log_prob[i, k]))
                for k in np.argsort(-total[i], kind="stable")
                if total[i, k] > worst[i]
            ]
            finished = self.finished[b]
            finished.end(ended, partial(self._hypothesis, b, True))
            kept = [(float(best[i]), 0, 0, 0.0)] if best[i] > NEVER else []
            if finished.complete(kept, len(self.trace) + 1):
                done.add(i)
                if not finished.found:  # nothing can follow, and yet it cannot end
                    self._cut_off(i, b)
        return done

    def _cut_off(self, i: int, b: int) -> None:
        """End the prefixes of an utterance as they are."""
        total = self.acoustic[i] + self.language[i]
        order = [int(k) for k in np.argsort(-total, kind="stable") if total[k] > NEVER]
        kept = [(float(total[k]), k, 0, float(self.acoustic[i, k])) for k in order]
        make = partial(self._hypothesis, b, False)
        self.finished[b].cut_off(kept, 0, lambda one: make((one[0], one[1], one[3])))

    def _hypothesis(self, b: int, finished: bool, one: Ended) -> Hypothesis:
        """The prefix at a place in the beam of an utterance, with its log probability."""
        score, beam, log_prob = one
        tokens, log_probs = [], []
        for step in reversed(self.trace):
            i = step.places[b]
            tokens.append(int(step.token[i, beam]))
            log_probs.append(float(step.log_prob[i, beam]))
            beam = int(step.parent[i, beam])
        return Hypothesis(tokens[::-1], score, log_prob, log_probs[::-1], finished)

    def _keep(self, places: list[int]) -> None:
        """Go on with the utterances at these places only."""
        self.alive = [self.alive[i] for i in places]
        self.prefixes.keep(np.array(places, np.int64))
        self.acoustic, self.language = self.acoustic[places], self.language[places]
        self.state = self.state[places]


def _top(x: Doubles, n: int) -> Ints:
    """Where the n largest of each row of x (R, M) stand, (R, n), in any order."""
    found: Ints = np.argpartition(x, x.shape[1] - n, 1)[:, x.shape[1] - n :]
    return found
