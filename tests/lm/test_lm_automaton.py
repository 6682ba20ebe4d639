"""The language model as an automaton scores as the scorer does, and so does the search with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.scorer import NgramScorer
from attnasr_cli.nets.las import LAS, LASConfig
from attnasr_cli.nets.protocol import Memory
from attnasr_cli.search.beam import Hypothesis, SearchConfig, search
from attnasr_cli.search.ctc_beam import ctc_search
from attnasr_cli.search.scorers import CtcPrefixScorer

PIECES = ["<blank>", "<eos>", " ", *"acdehmnost"]
SUBWORDS = ["<blank>", "<eos>", "▁", "▁th", "▁the", "▁c", "at", "s", "▁a", "e", "d", "o", "g", "zz"]
EOS = 1


def make(model: NgramModel, pieces: list[str], ahead: int = 1) -> NgramScorer:
    return NgramScorer(
        model, pieces, lambda text: [pieces.index("c" if "c" in pieces else "▁c")], EOS,
        weight=0.7, word_bonus=-2.5, ahead_words=ahead,
    )  # fmt: skip


@pytest.mark.parametrize("pieces", [PIECES, SUBWORDS], ids=["characters", "subwords"])
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_transitions_have_the_scores_of_the_scorer(
    model: NgramModel, pieces: list[str], ahead: int
) -> None:
    scorer = make(model, pieces, ahead)
    automaton, rng = scorer.automaton(), np.random.default_rng(0)
    tokens = rng.integers(2, len(pieces), (40, 9))
    # Real words too: each is spelt from some place on.
    for row, word in enumerate(("the cat", "a dog", "then") if pieces is PIECES else ()):
        tokens[row, 1 : 1 + len(word)] = [pieces.index(c) if c in pieces else 2 for c in word]
    state, number = scorer.start(None, 40), np.zeros(40, np.int64)
    for u in range(tokens.shape[1]):
        scores = scorer.score(state).numpy()
        np.testing.assert_allclose(automaton.end(number), scores[:, EOS], atol=1e-4)
        number, added = automaton.follow(number, tokens[:, u])
        np.testing.assert_allclose(added, scores[np.arange(40), tokens[:, u]], atol=1e-4)
        state = scorer.advance(state, torch.from_numpy(tokens[:, u]))


def test_a_guess_is_the_score_where_words_do_not_depend_on_each_other(model: NgramModel) -> None:
    """With unigrams only."""
    alone = NgramModel(model.vocabulary, model.orders[:1], model.spelling)
    scorer = make(alone, PIECES)
    automaton, state = scorer.automaton(), scorer.start(None, 1)
    number = np.zeros(1, np.int64)
    for token in [PIECES.index(c) for c in "cat the"]:
        guess, scores = automaton.guess(number)[0], scorer.score(state)[0].numpy()
        likely = scores > -12
        likely[EOS] = False
        assert likely.any()
        np.testing.assert_allclose(guess[likely], scores[likely], atol=1e-4)
        number, _ = automaton.follow(number, np.array([token]))
        state = scorer.advance(state, torch.tensor([token]))


@pytest.mark.parametrize("beams", [3, 30])
def test_the_search_finds_what_the_general_one_finds(model: NgramModel, beams: int) -> None:
    torch.manual_seed(3)
    logits = 3 * torch.randn(4, 12, len(PIECES))
    lengths = torch.tensor([12, 5, 9, 0])
    scorer = make(model, PIECES)
    config = SearchConfig(beams=beams, nbest=3, net_weight=0.0)
    net = LAS(
        LASConfig(vocab=len(PIECES), bins=8, width=16, layers=1, channels=4, decoder_width=12)
    )
    memory = Memory(torch.zeros(4, 12, 16), lengths, None, 0.04)
    ctc = CtcPrefixScorer(logits, lengths, EOS, 1.0)
    prompt = torch.zeros(4, 1, dtype=torch.long)
    wanted = search(net, memory, prompt, EOS, lengths + 1, config, (), [ctc, scorer])
    found = ctc_search(
        logits, lengths, EOS, lengths + 1, config, scorer.automaton(), scorer.weight, True
    )
    for a, b in zip(found, wanted, strict=True):
        assert_same(a[0], b[0])


def assert_same(found: Hypothesis, wanted: Hypothesis) -> None:
    assert found.tokens == wanted.tokens
    assert found.score == pytest.approx(wanted.score, abs=1e-3)
    assert found.log_prob == pytest.approx(wanted.log_prob, abs=1e-3)
    assert found.token_log_probs == pytest.approx(wanted.token_log_probs, abs=1e-3)
    assert found.finished == wanted.finished
