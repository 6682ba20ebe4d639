"""The joint search of a net: its decoder, its CTC head and a language model in one beam.

Transcribing, the evaluation while training and the benchmarks all use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.phrases import PhraseScorer, search_phrases
from attnasr_cli.search.scorers import CtcPrefixScorer, Scorer


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

    def __call__(self, memory: Memory, logits: Tensor | None) -> list[list[Hypothesis]]:
        """Hypotheses of each utterance of a memory, best first.

        logits (B, S, V) of the CTC head, None for a net without one.
        """
        scorers, net_weight = self._scorers(memory, logits)
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
        prompt = self._prompt(memory)
        return search(self.net, memory, prompt, self.eos, limits, config, (), scorers)

    def among(
        self, phrases: PhraseScorer, memory: Memory, logits: Tensor | None
    ) -> list[list[Hypothesis]]:
        """Search among listed phrases only: each with its score, best first."""
        scorers, net_weight = self._scorers(memory, logits)
        prompt = self._prompt(memory)
        return search_phrases(self.net, memory, prompt, self.eos, phrases, scorers, net_weight)

    def _scorers(self, memory: Memory, logits: Tensor | None) -> tuple[list[Scorer], float]:
        """The scorers beside the decoder, and the weight of the decoder."""
        if logits is None or self.ctc_weight <= 0:
            return list(self.scorers), 1.0
        ctc = CtcPrefixScorer(logits, memory.lengths, self.eos, self.ctc_weight)
        return [ctc, *self.scorers], 1.0 - self.ctc_weight

    def _prompt(self, memory: Memory) -> Tensor:
        """(B, 1)"""
        B, device = memory.frames.shape[0], memory.frames.device
        return torch.full((B, 1), self.bos, device=device)
