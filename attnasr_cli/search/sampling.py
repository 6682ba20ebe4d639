"""Sampling token sequences at a temperature, several for each utterance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnasr_cli.nets.protocol import Memory, Net, Tree, reorder, select
from attnasr_cli.search.beam import Hypothesis, Rule


@dataclass
class _Rows:
    """The utterances that are still sampled, ``width`` rows each."""

    alive: list[int]
    memory: Memory
    state: Tree
    tokens: Tensor
    """(R, n) with the prompt"""
    chosen: Tensor
    """(R, u) log probability of each sampled token, of all that are allowed"""


@torch.inference_mode()
def sample(
    net: Net,
    memory: Memory,
    prompt: Tensor,
    eos: int,
    max_tokens: int,
    temperature: float,
    samples: int,
    generators: Sequence[torch.Generator],
    rules: Sequence[Rule] = (),
) -> list[list[Hypothesis]]:
    """Draw ``samples`` sequences for every utterance: prompt (B, n), one generator for each.

    ``temperature`` > 0 divides the logits; the log probabilities returned are those at temperature
    1. The result for an utterance depends only on its own generator.
    """
    B, n = prompt.shape
    rows = torch.arange(B, device=prompt.device).repeat_interleave(samples)
    step = net.scores(prompt, net.start(memory, 1), memory)
    job = _Rows(list(range(B)), memory, reorder(step.state, rows), prompt[rows], torch.zeros(0))
    job.chosen = torch.zeros(B * samples, 0, device=prompt.device)
    log_probs = step.log_probs[rows]
    found: list[list[Hypothesis]] = [[] for _ in range(B)]
    for u in range(max_tokens):
        for rule in rules:
            log_probs = rule(log_probs, job.tokens)
        flat = (log_probs / temperature).softmax(-1).view(len(job.alive), samples, -1)
        token = torch.cat(
            [
                torch.multinomial(p, 1, generator=generators[b])
                for b, p in zip(job.alive, flat, strict=True)
            ]
        )  # (R, 1)
        lp = log_probs.log_softmax(-1).gather(1, token)
        if u > 0:
            over = job.tokens[:, -1:] == eos
            token, lp = token.masked_fill(over, eos), lp.masked_fill(over, 0.0)
        job.tokens = torch.cat([job.tokens, token], 1)
        job.chosen = torch.cat([job.chosen, lp], 1)
        over = (token == eos).view(-1, samples).all(1)
        if u + 1 == max_tokens:
            over = torch.ones_like(over)
        for place in over.nonzero()[:, 0].tolist():
            here = slice(place * samples, (place + 1) * samples)
            found[job.alive[place]] = [
                _hypothesis(t, lp, eos)
                for t, lp in zip(job.tokens[here, n:].tolist(), job.chosen[here], strict=True)
            ]
        if bool(over.all()):
            break
        if bool(over.any()):
            _keep(job, (~over).nonzero()[:, 0], samples)
        step = net.scores(job.tokens[:, -1:], job.state, job.memory)
        job.state, log_probs = step.state, step.log_probs
    return found


def _keep(job: _Rows, places: Tensor, samples: int) -> None:
    rows = (places[:, None] * samples + torch.arange(samples, device=places.device)).view(-1)
    job.alive = [job.alive[place] for place in places.tolist()]
    job.memory = select(job.memory, places)
    job.state = reorder(job.state, rows)
    job.tokens, job.chosen = job.tokens[rows], job.chosen[rows]


def _hypothesis(tokens: list[int], log_probs: Tensor, eos: int) -> Hypothesis:
    finished = eos in tokens
    length = tokens.index(eos) if finished else len(tokens)
    total = float(log_probs.sum())
    return Hypothesis(tokens[:length], total, total, log_probs[:length].tolist(), finished)
