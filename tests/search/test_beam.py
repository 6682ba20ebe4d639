"""The search against brute force, alone and in a batch, with scorers and rules."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.nets.protocol import Memory, select
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.search.scorers import CtcPrefixScorer

BOS, EOS = 1, 2


@pytest.fixture(scope="module")
def net() -> Conformer:
    torch.manual_seed(3)
    config = ConformerConfig(
        vocab=5,
        bins=8,
        width=16,
        heads=2,
        layers=1,
        hidden=16,
        kernel=3,
        channels=4,
        decoder_layers=1,
    )
    net = Conformer(config).eval()
    with torch.no_grad():
        for parameter in net.decoder.parameters():
            parameter.mul_(3.0)  # sharper than chance, so that orders are not ties
    return net


@pytest.fixture(scope="module")
def memory(net: Conformer) -> Memory:
    torch.manual_seed(4)
    with torch.inference_mode():
        return net.encode(torch.randn(3, 40, 8), torch.tensor([40, 24, 32]))


def ctc_of_prefix(log_probs: Tensor, prefix: tuple[int, ...]) -> tuple[float, float]:
    """Brute force over all paths: (the prefix and anything after it, exactly the prefix)."""
    S, V = log_probs.shape
    starts, exact = 0.0, 0.0
    for path in itertools.product(range(V), repeat=S):
        text = [k for k, _ in itertools.groupby(path) if k != 0]
        p = math.exp(sum(float(log_probs[s, v]) for s, v in enumerate(path)))
        starts += p if tuple(text[: len(prefix)]) == prefix else 0.0
        exact += p if tuple(text) == prefix else 0.0
    return starts, exact


@pytest.mark.parametrize("prefix", [(), (3,), (3, 3), (4, 3), (3, 4)])
def test_ctc_prefix_scores_equal_the_sum_over_all_paths(prefix: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 5)
    log_probs = logits.log_softmax(-1)[0]
    scorer = CtcPrefixScorer(logits, torch.tensor([4]), EOS, 1.0)
    dummy = Memory(logits, torch.tensor([4]), None, 0.01)
    state = scorer.start(dummy, 1)
    spent = 0.0
    for token in prefix:
        spent += float(scorer.score(state)[0, token])
        state = scorer.advance(state, torch.tensor([token]))
    starts, exact = ctc_of_prefix(log_probs, prefix)
    assert spent == pytest.approx(math.log(starts), abs=1e-4)
    found = scorer.score(state)[0]
    assert spent + float(found[EOS]) == pytest.approx(math.log(exact), abs=1e-4)
    for token in (1, 3, 4):
        wanted, _ = ctc_of_prefix(log_probs, (*prefix, token))
        if wanted == 0:  # more frames would be needed than there are
            assert float(found[token]) < -1e3
        else:
            assert spent + float(found[token]) == pytest.approx(math.log(wanted), abs=1e-4)


def test_ctc_scores_do_not_depend_on_padding() -> None:
    torch.manual_seed(1)
    logits = torch.randn(2, 9, 6)
    lengths = torch.tensor([9, 5])
    both = CtcPrefixScorer(logits, lengths, EOS, 1.0)
    alone = CtcPrefixScorer(logits[1:, :5], lengths[1:], EOS, 1.0)
    dummy = Memory(logits, lengths, None, 0.01)
    states = both.start(dummy, 2), alone.start(dummy, 1)
    for token in (3, 3, 5, 4):
        found, wanted = both.score(states[0])[1], alone.score(states[1])[0]
        possible = wanted > -1e3
        assert torch.equal(possible, found > -1e3)
        assert torch.allclose(found[possible], wanted[possible], atol=1e-4)
        tokens = torch.tensor([token])
        states = both.advance(states[0], tokens.repeat(2)), alone.advance(states[1], tokens)


def test_a_wide_joint_beam_equals_brute_force(net: Conformer, memory: Memory) -> None:
    one = select(memory, torch.tensor([1]))
    with torch.inference_mode():
        logits = net.ctc(one)
        scorer = CtcPrefixScorer(logits, one.lengths, EOS, 0.4)
        config = SearchConfig(beams=300, nbest=300, net_weight=0.6)
        found = search(net, one, torch.tensor([[BOS]]), EOS, 4, config, (), [scorer])[0]
        scores: dict[tuple[int, ...], float] = {}
        for size in range(4):
            for sequence in itertools.product((1, 3, 4), repeat=size):
                fed = torch.tensor([[BOS, *sequence]])
                log_probs = net.decode(one, fed).log_softmax(-1)[0]
                own = sum(float(log_probs[u, t]) for u, t in enumerate((*sequence, EOS)))
                state, ctc = scorer.start(one, 1), 0.0
                for token in (*sequence, EOS):
                    ctc += float(scorer.score(state)[0, token])
                    state = scorer.advance(state, torch.tensor([token]))
                scores[sequence] = 0.6 * own + 0.4 * ctc
    finished = [h for h in found if h.finished]
    best = sorted(scores.items(), key=lambda item: -item[1])
    assert len(finished) >= 2
    for hypothesis, (sequence, score) in zip(finished, best, strict=False):
        assert tuple(hypothesis.tokens) == sequence
        assert hypothesis.score == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("beams", [1, 4])
def test_joint_search_alone_equals_in_a_batch(net: Conformer, memory: Memory, beams: int) -> None:
    config = SearchConfig(beams=beams, nbest=beams, net_weight=0.7)
    prompt = torch.full((3, 1), BOS)

    def run(part: Memory, prompt: Tensor) -> list[list[tuple[list[int], float]]]:
        scorer = CtcPrefixScorer(net.ctc(part), part.lengths, EOS, 0.3)
        found = search(net, part, prompt, EOS, part.lengths, config, (), [scorer])
        return [[(h.tokens, round(h.score, 3)) for h in hypotheses] for hypotheses in found]

    with torch.inference_mode():
        together = run(memory, prompt)
        for b in range(3):
            assert run(select(memory, torch.tensor([b])), prompt[:1])[0] == together[b]


def test_rules_forbid_and_the_rest_is_normalised_again(net: Conformer, memory: Memory) -> None:
    seen: list[int] = []

    def never_three(log_probs: Tensor, tokens: Tensor) -> Tensor:
        seen.append(tokens.shape[1])
        log_probs = log_probs.clone()
        log_probs[:, 3] = float("-inf")
        return log_probs

    prompt = torch.full((3, 1), BOS)
    config = SearchConfig(beams=2, length_penalty=None)
    found = search(net, memory, prompt, EOS, 6, config, [never_three])
    assert all(3 not in h.tokens for hypotheses in found for h in hypotheses)
    assert seen[:3] == [1, 2, 3]
    free = search(net, memory, prompt, EOS, 6, config)
    assert [h[0].tokens for h in free] != [h[0].tokens for h in found]
    for (best,) in found:
        fed = torch.tensor([[BOS, *best.tokens]])
        part = select(memory, torch.tensor([found.index([best])]))
        logits = net.decode(part, fed)[0]
        logits[:, 3] = float("-inf")
        wanted = logits.log_softmax(-1)
        for u, token in enumerate(best.tokens):
            assert best.token_log_probs[u] == pytest.approx(
                float(wanted[u, token].detach()), abs=1e-4
            )


def test_limits_hold_for_each_utterance(net: Conformer, memory: Memory) -> None:
    def no_end(log_probs: Tensor, tokens: Tensor) -> Tensor:
        log_probs = log_probs.clone()
        log_probs[:, EOS] = float("-inf")
        return log_probs

    prompt = torch.full((3, 1), BOS)
    limits = torch.tensor([2, 0, 5])
    found = search(net, memory, prompt, EOS, limits, SearchConfig(beams=2), [no_end])
    assert [len(h[0].tokens) for h in found] == [2, 0, 5]
    assert not any(h[0].finished for h in found)


def test_patience_and_nbest_bound_what_comes_back(net: Conformer, memory: Memory) -> None:
    prompt = torch.full((3, 1), BOS)
    one = search(net, memory, prompt, EOS, 6, SearchConfig(beams=4, nbest=3))
    assert all(len(h) == 3 for h in one)
    assert all(a.score >= b.score for h in one for a, b in itertools.pairwise(h))
    eager = SearchConfig(beams=4, nbest=4, patience=0.25, length_penalty=None)
    for hypotheses in search(net, memory, prompt, EOS, 30, eager):
        assert sum(h.finished for h in hypotheses) == 1


def test_without_weight_the_decoder_does_not_run(net: Conformer, memory: Memory) -> None:
    def run(net_weight: float) -> list[list[int]]:
        scorer = CtcPrefixScorer(net.ctc(memory), memory.lengths, EOS, 1.0)
        config = SearchConfig(beams=3, net_weight=net_weight)
        prompt = torch.full((3, 1), BOS)
        found = search(net, memory, prompt, EOS, memory.lengths, config, (), [scorer])
        return [h[0].tokens for h in found]

    with torch.inference_mode():
        wanted = run(1e-12)
        net.decoder.embed.forward = None  # type: ignore[method-assign, assignment]
        try:
            assert run(0.0) == wanted
        finally:
            del net.decoder.embed.forward


class LateBonus:
    """A scorer whose sum rises: the seventh token of a sequence earns what was not foreseen."""

    weight = 1.0

    def __init__(self, vocab: int, monotone: bool) -> None:
        self.vocab, self.monotone = vocab, monotone

    def start(self, memory: Memory, rows: int) -> Tensor:
        return torch.zeros(rows)

    def score(self, state: Tensor) -> Tensor:
        scores = torch.where(state == 6, 90.0, -5.0)[:, None].repeat(1, self.vocab)
        scores[:, EOS] = 0.0
        return scores

    def advance(self, state: Tensor, tokens: Tensor) -> Tensor:
        return state + 1


def test_a_sum_that_may_rise_is_searched_to_its_end(net: Conformer, memory: Memory) -> None:
    """The early stop claims that sums only fall; a scorer says whether its own do."""
    prompt = torch.full((3, 1), BOS)
    config = SearchConfig(beams=6, patience=10.0)
    found = search(net, memory, prompt, EOS, 9, config, (), [LateBonus(5, monotone=False)])
    assert all(best[0].score > 0 and len(best[0].tokens) >= 7 for best in found)
    hasty = search(net, memory, prompt, EOS, 9, config, (), [LateBonus(5, monotone=True)])
    assert any(best[0].score < 0 for best in hasty)  # so the test can fail
