"""The search among phrases against their exact scores, alone and in a batch."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.nets.protocol import Memory, select
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.search.phrases import PhraseScorer, PhraseTrie, search_phrases
from attnasr_cli.search.scorers import CtcPrefixScorer

BOS, EOS, VOCAB = 1, 2, 9
PHRASES = [(3,), (3, 4), (3, 4, 5, 6), (3, 7), (8, 8), (4,)]


@pytest.fixture(scope="module")
def net() -> Conformer:
    torch.manual_seed(3)
    config = ConformerConfig(
        vocab=VOCAB, bins=8, width=16, heads=2, layers=1, hidden=16, kernel=3, channels=4,
        decoder_layers=1,
    )  # fmt: skip
    return Conformer(config).eval()


@pytest.fixture(scope="module")
def memory(net: Conformer) -> Memory:
    torch.manual_seed(4)
    with torch.inference_mode():
        return net.encode(torch.randn(3, 40, 8), torch.tensor([40, 24, 32]))


@torch.inference_mode()
def exact(net: Conformer, memory: Memory, b: int, phrase: tuple[int, ...], ctc: float) -> float:
    """Weighted log probabilities of a phrase by the decoder and by all CTC paths."""
    one = select(memory, torch.tensor([b]))
    fed, wanted = torch.tensor([[BOS, *phrase]]), torch.tensor([*phrase, EOS])
    log_probs = net.decode(one, fed)[0].log_softmax(-1)
    decoder = float(log_probs[torch.arange(len(wanted)), wanted].sum())
    size = int(one.lengths[0])
    paths = net.ctc(one)[:, :size].log_softmax(-1).transpose(0, 1)
    target = torch.tensor([phrase])
    loss = F.ctc_loss(paths, target, torch.tensor([size]), torch.tensor([len(phrase)]),
                      reduction="sum")  # fmt: skip
    return (1 - ctc) * decoder - ctc * float(loss)


@pytest.mark.parametrize("ctc", [0.0, 0.4, 1.0])
def test_every_phrase_has_its_exact_score(net: Conformer, memory: Memory, ctc: float) -> None:
    prompt = torch.full((3, 1), BOS)
    with torch.inference_mode():
        logits = net.ctc(memory)
    scorers = [CtcPrefixScorer(logits, memory.lengths, EOS, ctc)] if ctc else []
    scorer = PhraseScorer(PhraseTrie(PHRASES, EOS), VOCAB)
    found = search_phrases(net, memory, prompt, EOS, scorer, scorers, 1 - ctc)
    for b, hypotheses in enumerate(found):
        assert sorted(tuple(h.tokens) for h in hypotheses) == sorted(PHRASES)
        scores = [h.score for h in hypotheses]
        assert scores == sorted(scores, reverse=True)
        for h in hypotheses:
            wanted = exact(net, memory, b, tuple(h.tokens), ctc)
            assert h.score == pytest.approx(wanted, abs=1e-3)


def test_a_phrase_that_begins_another_is_not_certain_inside_it(
    net: Conformer, memory: Memory
) -> None:
    """What is allowed is not normalised: the only way on from a token is not free."""
    scorer = PhraseScorer(PhraseTrie([(3, 4, 5, 6), (7,)], EOS), VOCAB)
    [found, *_] = search_phrases(net, memory, torch.full((3, 1), BOS), EOS, scorer)
    long = next(h for h in found if len(h.tokens) == 4)
    assert all(lp < -0.1 for lp in long.token_log_probs[1:])


def test_a_narrow_beam_still_gives_phrases_only(net: Conformer, memory: Memory) -> None:
    scorer = PhraseScorer(PhraseTrie(PHRASES, EOS), VOCAB)
    found = search_phrases(net, memory, torch.full((3, 1), BOS), EOS, scorer, beams=2)
    assert all(len(hypotheses) <= 2 for hypotheses in found)
    assert {tuple(h.tokens) for hypotheses in found for h in hypotheses} <= set(PHRASES)


def test_words_of_a_list_follow_each_other_in_any_number(net: Conformer, memory: Memory) -> None:
    """As among all texts of these words, listed one by one."""
    words = [(3, 4), (3,), (7, 4, 6)]  # 3 and 7 begin words, and stand in none
    texts = [sum(some, ()) for n in (1, 2, 3) for some in itertools.product(words, repeat=n)]
    prompt = torch.full((3, 1), BOS)
    trie = PhraseTrie(words, EOS, repeated=True)
    config = SearchConfig(beams=40, nbest=40)
    found = search(net, memory, prompt, EOS, 10, config, (), [PhraseScorer(trie, VOCAB)])
    listed = search_phrases(net, memory, prompt, EOS, PhraseScorer(PhraseTrie(texts, EOS), VOCAB))
    for free, wanted in zip(found, listed, strict=True):
        short = {tuple(h.tokens): h.score for h in free if tuple(h.tokens) in texts}
        exact_scores = {tuple(h.tokens): h.score for h in wanted}
        assert set(list(exact_scores)[:10]) <= set(short)
        assert all(short[t] == pytest.approx(exact_scores[t], abs=1e-4) for t in short)
        assert all(spells(tuple(h.tokens), words) for h in free if h.finished)


def spells(tokens: tuple[int, ...], words: list[tuple[int, ...]]) -> bool:
    """Whether tokens are one or several of these words."""
    return any(
        tokens[: len(w)] == w and (len(tokens) == len(w) or spells(tokens[len(w) :], words))
        for w in words
    )
