"""A beam with a language model against trying everything."""

from __future__ import annotations

import itertools

import pytest
import torch

from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.scorer import NgramScorer
from attnasr_cli.nets.las import LAS, LASConfig
from attnasr_cli.search.beam import SearchConfig, search

LETTERS = list("acdehmnost")
PIECES = ["<blank>", "<eos>", " ", *LETTERS]
START, EOS, WEIGHT, LIMIT = 0, 1, 0.6, 3


@pytest.mark.parametrize("bonus", [-3.0, 0.0, 2.0])
def test_a_wide_beam_equals_brute_force(model: NgramModel, bonus: float) -> None:
    torch.manual_seed(2)
    sizes = {"width": 16, "layers": 1, "channels": 4, "decoder_width": 12}
    net = LAS(LASConfig(vocab=len(PIECES), bins=8, **sizes)).eval()  # type: ignore[arg-type]
    scorer = NgramScorer(
        model, PIECES, lambda text: [PIECES.index(c) for c in text], EOS,
        weight=WEIGHT, word_bonus=bonus, ahead_words=1,
    )  # fmt: skip
    with torch.inference_mode():
        memory = net.encode(torch.randn(1, 32, 8), torch.tensor([32]))
        beams = len(PIECES) ** LIMIT
        config = SearchConfig(beams=beams, nbest=10, patience=9.0)
        found = search(net, memory, torch.tensor([[START]]), EOS, LIMIT, config, (), [scorer])[0]
        wanted = {}
        others = [token for token in range(len(PIECES)) if token != EOS]
        for size in range(LIMIT):
            for tokens in itertools.product(others, repeat=size):
                fed = torch.tensor([[START, *tokens]])
                log_probs = net.decode(memory, fed).log_softmax(-1)[0]
                state, total = scorer.start(memory, 1), 0.0
                for u, token in enumerate((*tokens, EOS)):
                    added = float(scorer.score(state)[0, token])
                    total += float(log_probs[u, token]) + WEIGHT * added
                    state = scorer.advance(state, torch.tensor([token]))
                wanted[tokens] = total
    finished = [h for h in found if h.finished]
    assert finished
    best = sorted(wanted.items(), key=lambda item: -item[1])
    for hypothesis, (tokens, score) in zip(finished, best, strict=False):
        assert hypothesis.score == pytest.approx(score, abs=1e-3)
        assert hypothesis.score == pytest.approx(wanted[tuple(hypothesis.tokens)], abs=1e-3)
        assert tuple(hypothesis.tokens) == tokens
