"""Frames without sound are left out of the search of CTC scores, and nothing else is."""

from __future__ import annotations

import torch
from torch import Tensor

from attnasr_cli.nets.protocol import Memory
from attnasr_cli.search.blanks import without_blank_runs
from attnasr_cli.search.scorers import CtcPrefixScorer

EOS = 2


def frames(*best: int, sure: float = 12.0) -> Tensor:
    """(S, 6) logits that are sure of one token a frame."""
    logits = torch.zeros(len(best), 6)
    logits[range(len(best)), list(best)] = sure
    return logits


def test_of_a_run_of_blanks_one_frame_stays() -> None:
    logits = torch.nn.utils.rnn.pad_sequence(
        [frames(0, 0, 4, 0, 0, 0, 4, 5, 0, 0), frames(3, 0, 5)], batch_first=True
    )
    kept, lengths = without_blank_runs(logits, torch.tensor([10, 3]))
    assert lengths.tolist() == [6, 3]
    assert kept[0, :6].argmax(-1).tolist() == [0, 4, 0, 4, 5, 0]
    assert kept[1, :3].argmax(-1).tolist() == [3, 0, 5]


def test_frames_that_are_not_sure_stay_and_nothing_changes_without_frames() -> None:
    logits = frames(0, 0, 0, 4, 0, 0, sure=1.0)[None]
    kept, lengths = without_blank_runs(logits, torch.tensor([6]))
    assert torch.equal(kept, logits)
    assert lengths.tolist() == [6]
    kept, lengths = without_blank_runs(logits[:, :4], torch.tensor([0]))
    assert kept.shape == (1, 1, 6)
    assert lengths.tolist() == [0]
    assert without_blank_runs(logits[:0], torch.zeros(0, dtype=torch.long))[0].shape[0] == 0


def test_prefix_scores_are_those_of_all_frames() -> None:
    torch.manual_seed(0)
    spelled = [0, 0, 4, 4, 0, 0, 0, 4, 0, 5, 0, 0, 0, 3, 0, 0]
    logits = torch.stack([frames(*spelled) + torch.randn(16, 6) / 2 for _ in range(2)])
    lengths = torch.tensor([16, 12])
    whole = CtcPrefixScorer(logits, lengths, EOS, 1.0)
    short = CtcPrefixScorer(*without_blank_runs(logits, lengths), EOS, 1.0)
    assert short.log_probs.shape[1] < 14
    memory = Memory(torch.zeros(2, 16, 1), lengths, None, 0.04)
    states = whole.start(memory, 2), short.start(memory, 2)
    for token in (4, 4, 5):
        scores = whole.score(states[0]), short.score(states[1])
        assert (scores[0][:, token] - scores[1][:, token]).abs().max() < 1e-3
        tokens = torch.full((2,), token)
        states = whole.advance(states[0], tokens), short.advance(states[1], tokens)
