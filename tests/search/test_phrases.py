"""The search among phrases against their exact scores, alone and in a batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.nets.protocol import Memory, select
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
