"""The joint search of a net: its decoder, its CTC head and a language model in one beam.

Transcribing, the evaluation while training and the benchmarks all use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.blanks import without_blank_runs
from attnasr_cli.search.ctc_beam import Automaton, ctc_search
from attnasr_cli.search.phrases import PhraseScorer, search_phrases
from attnasr_cli.search.scorers import CtcPrefixScorer, Scorer

Heard = tuple[Tensor, Tensor]
"""logits (B, S, V) of the CTC head and their lengths (B,)"""


@runtime_checkable
class TokenScorer(Scorer, Protocol):
    """A scorer that can also be asked for single tokens."""

    def automaton(self) -> Automaton: ...


@dataclass(frozen=True)
class JointSearch:
    """A joint CTC/attention search with fixed weights (Watanabe et al. 2017,
    doi:10.1109/JSTSP.2017.2763455)."""

    net: Net
    bos: int
    eos: int
    ctc_weight: float = 0.0
    """share of the CTC head in the score; the decoder has the rest; 0 for a net without one"""
    beams: int = 1
    nbest: int = 1
    length_penalty: float | None = 0.0
    patience: float = 1.0
    scorers: tuple[Scorer, ...] = ()
    """others beside the CTC head, such as a language model"""

    def __call__(
        self, memory: Memory, logits: Tensor | None, others: Sequence[Heard] = ()
    ) -> list[list[Hypothesis]]:
        """Hypotheses of each utterance of a memory, best first.

        logits (B, S, V) of the CTC head, None for a net without one; others: what it gives for the
        same utterances in another form.
        """
        lengths = memory.lengths
        if logits is not None and self.ctc_weight > 0:
            logits, lengths = without_blank_runs(logits, lengths)
            others = [without_blank_runs(*one) for one in others]
        net_weight = self._net_weight(logits)
        config = SearchConfig(
            beams=self.beams,
            length_penalty=self.length_penalty,
            patience=self.patience,
            nbest=self.nbest,
            net_weight=net_weight,
        )
        limits = memory.lengths + 1  # no more tokens than positions, and the end
        if self.net.max_tokens is not None:
            limits = limits.clamp_max(self.net.max_tokens - 1)
        if logits is not None and net_weight == 0.0:
            models = [scorer for scorer in self.scorers if isinstance(scorer, TokenScorer)]
            if len(models) == len(self.scorers) <= 1 and not others:
                return self._by_ctc(logits, lengths, limits, config, *models)
        scorers = self._scorers(logits, lengths, others)
        prompt = self._prompt(memory)
        return search(self.net, memory, prompt, self.eos, limits, config, (), scorers)

    def among(
        self,
        phrases: PhraseScorer,
        memory: Memory,
        logits: Tensor | None,
        others: Sequence[Heard] = (),
    ) -> list[list[Hypothesis]]:
        """Search among listed phrases only: each with its score, best first."""
        scorers = self._scorers(logits, memory.lengths, others)
        weight = self._net_weight(logits)
        prompt = self._prompt(memory)
        return search_phrases(self.net, memory, prompt, self.eos, phrases, scorers, weight)

    def _by_ctc(
        self,
        logits: Tensor,
        lengths: Tensor,
        limits: Tensor,
        config: SearchConfig,
        model: TokenScorer | None = None,
    ) -> list[list[Hypothesis]]:
        """The same search where the decoder has no share in the score, in a fifth of the time."""
        if model is None:
            return ctc_search(logits, lengths, self.eos, limits, config)
        automaton, weight = model.automaton(), model.weight
        return ctc_search(
            logits, lengths, self.eos, limits, config, automaton, weight, model.monotone
        )

    def _net_weight(self, logits: Tensor | None) -> float:
        """The share of the decoder in the score."""
        return 1.0 if logits is None else 1.0 - max(self.ctc_weight, 0.0)

    def _scorers(
        self, logits: Tensor | None, lengths: Tensor, others: Sequence[Heard]
    ) -> list[Scorer]:
        """The scorers beside the decoder; the CTC head has its weight for all forms together."""
        if logits is None or self.ctc_weight <= 0:
            return list(self.scorers)
        forms = [(logits, lengths), *others]
        weight = self.ctc_weight / len(forms)
        return [*(CtcPrefixScorer(*one, self.eos, weight) for one in forms), *self.scorers]

    def _prompt(self, memory: Memory) -> Tensor:
        """(B, 1)"""
        B, device = memory.frames.shape[0], memory.frames.device
        return torch.full((B, 1), self.bos, device=device)
