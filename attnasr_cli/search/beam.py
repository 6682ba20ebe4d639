"""Batched greedy and beam search for every net; a beam of 1 is greedy search.

The search knows token ids and scores only: a prompt, an end token, rules that forbid tokens and
scorers that add to their scores. The result for an utterance does not depend on the others in its
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from attnasr_cli.nets.log_softmax import log_softmax_
from attnasr_cli.nets.protocol import Memory, Net, Tree, reorder, select
from attnasr_cli.search.hypotheses import Ended, Finished, Hypothesis, Kept, SearchConfig
from attnasr_cli.search.rules import NEVER
from attnasr_cli.search.scorers import Scorer
from attnasr_cli.search.topk import best

Rule = Callable[[Tensor, Tensor], Tensor]
"""(log_probs (R, V), tokens so far with the prompt (R, n)) → log_probs with forbidden tokens set to
−inf. The search normalises each row again over the allowed tokens, so a rule may shift a row by a
constant."""

__all__ = ["Hypothesis", "Rule", "SearchConfig", "search"]


@torch.inference_mode()
def search(
    net: Net,
    memory: Memory,
    prompt: Tensor,
    eos: int,
    max_tokens: Tensor | int,
    config: SearchConfig | None = None,
    rules: Sequence[Rule] = (),
    scorers: Sequence[Scorer] = (),
) -> list[list[Hypothesis]]:
    """Find the best token sequences for every utterance of a batch.

    prompt (B, n) is fed first, n ≥ 1 (at least the start token); max_tokens is one limit for all,
    or one for each utterance (B,). Returns up to ``nbest`` hypotheses for each utterance, best
    first.
    """
    config = config or SearchConfig()
    job = _Search(net, memory, prompt, eos, max_tokens, config, rules, scorers)
    while job.alive:
        job.advance()
    return job.results()


class _Search:
    """The rows in flight. B' utterances are still searched, K beams each, R = B'·K rows."""

    def __init__(
        self,
        net: Net,
        memory: Memory,
        prompt: Tensor,
        eos: int,
        max_tokens: Tensor | int,
        config: SearchConfig,
        rules: Sequence[Rule],
        scorers: Sequence[Scorer],
    ) -> None:
        total, device = prompt.shape[0], prompt.device
        self.net, self.memory, self.eos = net, memory, eos
        self.config, self.rules, self.scorers = config, rules, scorers
        self.prompt_length = prompt.shape[1]
        limits = torch.as_tensor(max_tokens).expand(total) if total else torch.zeros(0)
        self.limits: list[int] = [int(limit) for limit in limits]
        falling = all(scorer.monotone for scorer in scorers)
        self.finished = [Finished(config, falling) for _ in range(total)]
        self.alive = [b for b in range(total) if self.limits[b] > 0]
        for b in range(total):
            if self.limits[b] <= 0:
                self.finished[b].found = [Hypothesis([], 0.0, 0.0, [], False)]
        # The prompt is read by one row an utterance; the first step spreads it over K beams.
        self.tokens = prompt  # (R, n)
        self.token_log_probs = torch.zeros(total, 0, device=device)
        self.scores = torch.zeros(total, 1, device=device)  # (B', K)
        self.log_probs = torch.zeros(total, 1, device=device)
        self.decoder_runs = config.net_weight != 0.0 or not scorers
        self.state: Tree = net.start(memory, 1) if self.decoder_runs else None
        self.scorer_states = [s.start(memory, total) for s in scorers]
        self.fed = self.tokens
        if len(self.alive) < total:
            self._keep([b for b in range(total) if self.limits[b] > 0], list(range(total)))

    def advance(self) -> None:
        """Score every next token, keep the best beams, set finished hypotheses aside."""
        K, eos = self.config.beams, self.eos
        scores = [s.score(t) for s, t in zip(self.scorers, self.scorer_states, strict=True)]
        if self.decoder_runs:
            run = self.net.scores if self.rules else self.net.step
            step = run(self.fed, self.state, self.memory)
            log_probs, self.state = step.log_probs, step.state  # (R, V)
        else:
            log_probs = scores[0]
        for rule in self.rules:
            log_probs = rule(log_probs, self.tokens)
        if self.rules:
            own = self.decoder_runs  # a scorer's table is still needed as it is
            log_probs = log_softmax_(log_probs) if own else log_probs.log_softmax(-1)
        weight = self.config.net_weight
        gain = log_probs
        if weight != 1.0:
            gain = log_probs * weight if weight else torch.zeros_like(log_probs)
        for scorer, score in zip(self.scorers, scores, strict=True):
            gain = gain + scorer.weight * score
        V = gain.shape[1]
        count, W = self.scores.shape  # W: rows of an utterance, 1 before the first step, then K
        # K ends and K others are the most that a walk down the ranking can meet.
        ranked, index = best(self.scores, gain, 2 * K)  # (B', 2K)
        ranked_list, index_list = ranked.tolist(), index.tolist()
        net_log_probs = log_probs.view(count, W * V).gather(1, index).tolist()

        parents: list[int] = []
        chosen: list[int] = []
        new_scores: list[float] = []
        new_log_probs: list[float] = []
        spent = self.log_probs.tolist()
        done: list[int] = []
        length = self.tokens.shape[1] - self.prompt_length + 1
        for i, b in enumerate(self.alive):
            kept: list[Kept] = []
            ended: list[Ended] = []
            for rank, (score, flat, lp) in enumerate(
                zip(ranked_list[i], index_list[i], net_log_probs[i], strict=True)
            ):
                if score == NEVER:
                    break
                beam, token = divmod(flat, V)
                if token == eos:
                    if rank < K or not self.config.keeps_best:
                        ended.append((score, beam, lp))
                else:
                    kept.append((score, beam, token, lp))
                    if len(kept) == K:
                        break
            finished = self.finished[b]
            finished.end(ended, partial(self._ended, i, spent[i]))
            complete = finished.complete(kept, length)
            if complete or length >= self.limits[b]:
                done.append(i)
                if not (complete and self.config.keeps_best):
                    finished.cut_off(kept, len(ended), partial(self._cut_off, i, spent[i]))
            while len(kept) < K:  # fewer continuations than beams: dead rows that never win
                kept.append((NEVER, 0, eos, 0.0))
            new_scores += [k[0] for k in kept]
            parents += [i * W + k[1] for k in kept]
            chosen += [k[2] for k in kept]
            new_log_probs += [k[3] for k in kept]

        rows = torch.tensor(parents, device=self.tokens.device)
        token = torch.tensor(chosen, device=self.tokens.device)
        lp = torch.tensor(new_log_probs, device=self.tokens.device)
        self.scores = torch.tensor(new_scores, device=self.tokens.device).view(count, K)
        self.log_probs = (self.log_probs.view(-1)[rows] + lp).view(count, K)
        self.tokens = torch.cat([self.tokens[rows], token[:, None]], 1)
        self.token_log_probs = torch.cat([self.token_log_probs[rows], lp[:, None]], 1)
        self.fed = token[:, None]
        if K > 1:
            self.state = reorder(self.state, rows)
            self.scorer_states = [reorder(s, rows) for s in self.scorer_states]
        if done:
            gone = set(done)
            kept_places = [i for i in range(count) if i not in gone]
            self._keep(kept_places, self.alive)
            if not self.alive:
                return
            token = self.fed[:, 0]
        self.scorer_states = [
            scorer.advance(state, token)
            for scorer, state in zip(self.scorers, self.scorer_states, strict=True)
        ]

    def results(self) -> list[list[Hypothesis]]:
        """Up to ``nbest`` for each utterance, best first; ties keep the order of finishing."""
        return [finished.best() for finished in self.finished]

    def _ended(self, i: int, spent: list[float], one: Ended) -> Hypothesis:
        score, beam, lp = one
        row = i * self.scores.shape[1] + beam
        return Hypothesis(
            self.tokens[row, self.prompt_length :].tolist(),
            score,
            spent[beam] + lp,
            self.token_log_probs[row].tolist(),
            True,
        )

    def _cut_off(self, i: int, spent: list[float], one: Kept) -> Hypothesis:
        score, beam, token, lp = one
        row = i * self.scores.shape[1] + beam
        return Hypothesis(
            [*self.tokens[row, self.prompt_length :].tolist(), token],
            score,
            spent[beam] + lp,
            [*self.token_log_probs[row].tolist(), lp],
            False,
        )

    def _keep(self, places: list[int], alive: list[int]) -> None:
        """Go on with the utterances at these places only; the others are done."""
        self.alive = [alive[i] for i in places]
        if not places:
            return
        K, device = self.scores.shape[1], self.tokens.device
        utterances = torch.tensor(places, device=device)
        rows = (utterances[:, None] * K + torch.arange(K, device=device)).view(-1)
        self.memory = select(self.memory, utterances)
        self.state = reorder(self.state, rows)
        self.scorer_states = [reorder(s, rows) for s in self.scorer_states]
        self.tokens, self.fed = self.tokens[rows], self.fed[rows]
        self.token_log_probs = self.token_log_probs[rows]
        self.scores, self.log_probs = self.scores[utterances], self.log_probs[utterances]
