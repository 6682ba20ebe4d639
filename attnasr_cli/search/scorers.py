"""Scorers add scores for every possible next token to those of the net.

A scorer is built for one batch (it may hold read-only tables); what changes from token to token is
its state, a tree of tensors with rows first, which the search reorders along with the net's.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.nets.protocol import BLANK, Memory, Tree, length_mask

IMPOSSIBLE = -1e4
"""stands for log 0: below any sum of log probabilities, yet finite, so that sums over frames keep
their precision"""


class Scorer(Protocol):
    """The interface of a scorer."""

    weight: float

    @property
    def monotone(self) -> bool:
        """Whether the score of a sequence never rises as it grows. The search may then stop when no
        live hypothesis scores better than the best finished one."""

    def start(self, memory: Memory, rows: int) -> Tree:
        """State before the first token for ``rows`` = B·K rows, those of an utterance adjacent."""

    def score(self, state: Tree) -> Tensor:
        """(R, V) log score of every next token, not yet multiplied by ``weight``."""

    def advance(self, state: Tree, tokens: Tensor) -> Tree:
        """State after the tokens (R,) that the search chose; rows are already in order."""


class CtcState(NamedTuple):
    utterance: Tensor
    """(R,) which utterance of the batch a row belongs to"""
    last: Tensor
    """(R,) last token of the prefix, -1 while it is empty"""
    ending: Tensor
    """(R, 2, S) log probability that frames 0..s spell the prefix, last one a token / a blank"""
    prefix: Tensor
    """(R,) log probability of the prefix, whatever follows"""


class CtcPrefixScorer:
    """Joint CTC/attention decoding (Watanabe et al. 2017, doi:10.1109/JSTSP.2017.2763455).

    The score of token c after prefix g is log p(g·c … | audio) − log p(g … | audio) under the CTC
    head. The recursion over frames is written as cumulative log-sum-exps and one matrix product, so
    a step costs no Python loop over frames and is exact for all of the vocabulary.
    """

    monotone = True
    """a longer prefix is at most as probable as a shorter one"""

    def __init__(self, logits: Tensor, lengths: Tensor, eos: int, weight: float) -> None:
        """logits (B, S, V) of the CTC head and their lengths (B,)."""
        self.weight = weight
        self.eos = eos
        log_probs = F.log_softmax(logits.double(), dim=-1)
        outside = ~length_mask(lengths, logits.shape[1])
        # Past the end the blank costs nothing, so that padding does not change sums over frames.
        log_probs = log_probs.masked_fill(outside[..., None], IMPOSSIBLE)
        log_probs[..., BLANK].masked_fill_(outside, 0.0)
        self.log_probs = log_probs  # (B, S, V)
        self.probs = log_probs.exp().float()  # (B, S, V)
        self.blank_sum = log_probs[..., BLANK].cumsum(-1)  # (B, S)

    def start(self, memory: Memory, rows: int) -> CtcState:
        utterances, frames, _ = self.log_probs.shape
        beams = rows // utterances
        device = self.log_probs.device
        utterance = torch.arange(utterances, device=device).repeat_interleave(beams)
        ending = self.log_probs.new_full((rows, 2, frames), float("-inf"))
        ending[:, 1] = self.blank_sum[utterance]
        last = torch.full((rows,), -1, dtype=torch.long, device=device)
        return CtcState(utterance, last, ending, self.log_probs.new_zeros(rows))

    def score(self, state: CtcState) -> Tensor:
        """(R, V) log probability of every next token, given the prefix."""
        before, before_repeat = self._before(state)  # (R, S) each
        rows = state.last.shape[0]
        batch = torch.unique_consecutive(state.utterance)  # (B',)
        beams = rows // batch.shape[0]
        probs = self.probs if batch.shape[0] == self.probs.shape[0] else self.probs[batch]
        peak = before.amax(-1, keepdim=True).clamp_min(-1e30)  # (R, 1)
        mass = torch.bmm((before - peak).exp().float().view(-1, beams, before.shape[1]), probs)
        total = mass.view(rows, -1).double().log() + peak  # (R, V)
        started = state.last >= 0
        repeat = torch.logsumexp(before_repeat + self._of(state, state.last.clamp_min(0)), -1)
        index = state.last.clamp_min(0)[:, None]
        total.scatter_(
            1, index, torch.where(started, repeat, total.gather(1, index)[:, 0])[:, None]
        )
        total[:, self.eos] = torch.logaddexp(state.ending[:, 0, -1], state.ending[:, 1, -1])
        total[:, BLANK] = float("-inf")
        return (total - state.prefix[:, None]).float()

    def advance(self, state: CtcState, tokens: Tensor) -> CtcState:
        """The state after one chosen token (R,) a row."""
        before, before_repeat = self._before(state)
        before = torch.where((tokens == state.last)[:, None], before_repeat, before)
        token_sum = self._of(state, tokens).cumsum(-1)  # (R, S)
        blank_sum = self.blank_sum[state.utterance]
        in_token = token_sum + torch.logcumsumexp(before - _shift(token_sum, 0.0), -1)
        in_blank = blank_sum + torch.logcumsumexp(
            _shift(in_token, float("-inf")) - _shift(blank_sum, 0.0), -1
        )
        prefix = torch.logsumexp(before + self._of(state, tokens), -1)
        ending = torch.stack([in_token, in_blank], 1)
        return CtcState(state.utterance, tokens, ending, prefix)

    def _of(self, state: CtcState, tokens: Tensor) -> Tensor:
        """(R, S) log probabilities of one token a row."""
        return self.log_probs[state.utterance, :, tokens]

    def _before(self, state: CtcState) -> tuple[Tensor, Tensor]:
        """(R, S) log probability that the frames before s spell the prefix; the second one counts
        only those that end in a blank, as a repeated token must be separated by one."""
        empty = (state.last < 0)[:, None]
        any_end = _shift(torch.logaddexp(state.ending[:, 0], state.ending[:, 1]), float("-inf"))
        blank_end = _shift(state.ending[:, 1], float("-inf"))
        any_end[:, :1] = torch.where(empty, 0.0, any_end[:, :1])
        return any_end, blank_end


def _shift(values: Tensor, first: float) -> Tensor:
    """(R, S) moved one frame later, with ``first`` in front."""
    return F.pad(values[:, :-1], (1, 0), value=first)
