"""The search by a CTC head alone against the general one, and against every sequence."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from attnasr_cli.nets.las import LAS, LASConfig
from attnasr_cli.nets.protocol import Memory
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.ctc_beam import ctc_search
from attnasr_cli.search.scorers import CtcPrefixScorer

EOS, V = 1, 7


def random_logits(lengths: list[int], scale: float) -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    return scale * torch.randn(len(lengths), max(lengths), V), torch.tensor(lengths)


def general(
    logits: Tensor, lengths: Tensor, limits: Tensor, config: SearchConfig
) -> list[list[Hypothesis]]:
    net = LAS(LASConfig(vocab=V, bins=8, width=16, layers=1, channels=4, decoder_width=12))
    memory = Memory(torch.zeros(len(logits), logits.shape[1], 16), lengths, None, 0.04)
    scorer = CtcPrefixScorer(logits, lengths, EOS, 1.0)
    prompt = torch.zeros(len(logits), 1, dtype=torch.long)
    return search(net, memory, prompt, EOS, limits, config, (), [scorer])


@pytest.mark.parametrize("beams", [1, 2, 8, 60])
@pytest.mark.parametrize("scale", [1.0, 4.0])
@pytest.mark.parametrize("penalty", [0.0, None, 0.8])
def test_it_finds_what_the_general_search_finds(
    beams: int, scale: float, penalty: float | None
) -> None:
    logits, lengths = random_logits([40, 23, 1, 0, 31], scale)
    config = SearchConfig(
        beams=beams, nbest=min(beams, 4), net_weight=0.0, length_penalty=penalty, patience=2.0
    )
    found = ctc_search(logits, lengths, EOS, lengths + 1, config)
    wanted = general(logits, lengths, lengths + 1, config)
    for a, b in zip(found, wanted, strict=True):
        assert [h.tokens for h in a] == [h.tokens for h in b]
        for x, y in zip(a, b, strict=True):
            assert x.score == pytest.approx(y.score, abs=1e-3)
            assert x.log_prob == pytest.approx(y.log_prob, abs=1e-3)
            assert x.token_log_probs == pytest.approx(y.token_log_probs, abs=1e-3)
            assert x.finished == y.finished


def test_a_wide_beam_equals_every_sequence() -> None:
    logits, lengths = random_logits([4], 1.0)
    found = ctc_search(logits, lengths, EOS, lengths + 1, SearchConfig(beams=500, nbest=20))[0]
    log_probs = logits[0].log_softmax(-1)
    total: dict[tuple[int, ...], float] = {}
    for path in itertools.product([t for t in range(V) if t != EOS], repeat=4):
        spelt = tuple(token for token, _ in itertools.groupby(path) if token)
        prob = math.exp(sum(float(log_probs[t, token]) for t, token in enumerate(path)))
        total[spelt] = total.get(spelt, 0.0) + prob
    best = sorted(total.items(), key=lambda item: -item[1])[:20]
    assert [tuple(h.tokens) for h in found] == [tokens for tokens, _ in best]
    assert [h.score for h in found] == pytest.approx([math.log(p) for _, p in best], abs=1e-3)


def test_alone_equals_in_a_batch() -> None:
    logits, lengths = random_logits([50, 20, 35], 3.0)
    config = SearchConfig(beams=6, nbest=6)
    together = ctc_search(logits, lengths, EOS, lengths + 1, config)
    for b in range(3):
        one = logits[b : b + 1, : lengths[b]], lengths[b : b + 1]
        [alone] = ctc_search(*one, EOS, one[1] + 1, config)
        assert [h.tokens for h in alone] == [h.tokens for h in together[b]]
        assert [h.score for h in alone] == pytest.approx([h.score for h in together[b]])


def test_a_limit_cuts_hypotheses_off() -> None:
    logits, lengths = random_logits([30, 30], 4.0)
    limits = torch.tensor([3, 31])
    short, whole = ctc_search(logits, lengths, EOS, limits, SearchConfig(beams=5))
    assert len(short[0].tokens) == 3
    assert not short[0].finished
    assert whole[0].finished
    assert len(whole[0].tokens) > 3


def test_without_frames_nothing_is_said() -> None:
    logits, lengths = torch.zeros(2, 1, V), torch.zeros(2, dtype=torch.long)
    for found in ctc_search(logits, lengths, EOS, lengths + 1, SearchConfig(beams=3)):
        assert found[0].tokens == []
        assert found[0].finished
    empty = torch.zeros(0, dtype=torch.long)
    assert ctc_search(logits[:0], empty, EOS, empty, SearchConfig(beams=3)) == []
