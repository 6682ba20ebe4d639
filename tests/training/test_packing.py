"""Utterances that share the window of a net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.recipe.sections import BatchConfig
from attnasr_cli.families.targets import Targets
from attnasr_cli.families.whisper.features import join, log_mel
from attnasr_cli.nets.conformer import Conformer, ConformerConfig
from attnasr_cli.training.data.corpus import Corpus
from attnasr_cli.training.data.packing import LONGEST_PAUSE, Packing
from attnasr_cli.training.data.sampler import epoch_batches
from attnasr_cli.training.formats.utterance import Utterance
from attnasr_cli.training.parallel.distributed import World
from attnasr_cli.training.parallel.gradients import Gradients

WINDOW, ROOM = 1000, 60


@given(
    sizes=st.lists(st.integers(1, 1300), min_size=1, max_size=80),
    alone=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 9),
)
@settings(max_examples=80, deadline=None)
def test_every_utterance_is_in_one_window_and_no_window_is_too_full(
    sizes: list[int], alone: float, seed: int
) -> None:
    tokens = np.array(sizes) % 17 + 1
    packing = Packing(WINDOW, tokens, ROOM, alone)
    batches = epoch_batches([np.array(sizes)], np.ones(len(sizes), bool), 2000, seed, 0, packing)
    groups = [group for batch in batches for group in batch]
    listed = sorted(i for group in groups for i, _ in group)
    assert listed == [i for i, size in enumerate(sizes) if size <= WINDOW]
    assert all(len(batch) <= 2 for batch in batches)
    for group in groups:
        frames = sum(sizes[i] for i, _ in group) + LONGEST_PAUSE * (len(group) - 1)
        assert frames <= WINDOW
        assert sum(int(tokens[i]) for i, _ in group) <= ROOM
        assert alone < 1 or len(group) == 1
    assert batches == epoch_batches(
        [np.array(sizes)], np.ones(len(sizes), bool), 2000, seed, 0, packing
    )


def test_short_utterances_fill_nine_tenths_of_their_windows() -> None:
    sizes = np.random.default_rng(0).integers(150, 600, 2000)
    packing = Packing(3000, np.full(2000, 10), 400, 0.0)
    (groups,) = [packing.groups([(i, 0) for i in range(2000)], sizes, np.random.default_rng(1))]
    assert sizes.sum() / (len(groups) * 3000) > 0.85
    kept = Packing(3000, np.full(2000, 10), 400, 0.1)
    groups = kept.groups([(i, 0) for i in range(2000)], sizes, np.random.default_rng(1))
    assert 150 < sum(len(group) == 1 for group in groups) < 260


def test_joined_features_are_those_of_the_joined_samples() -> None:
    draw = torch.Generator().manual_seed(0)
    loud = torch.randn(32_000, generator=draw) * 0.5
    quiet = torch.randn(24_000, generator=draw) * 0.003
    whole = log_mel(torch.cat([loud, torch.zeros(8_000), quiet]), 80)
    joined = join([log_mel(loud, 80), log_mel(quiet, 80)], [50])
    assert joined.shape == whole.shape == (400, 80)
    inside = [*range(2, 198), *range(202, 248), *range(252, 398)]  # a frame at an edge sees both
    torch.testing.assert_close(joined[inside], whole[inside], rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="argument"):
        join([loud[:, None], quiet[:, None]], [])


class Tones:
    """Features of ten utterances of 60 frames."""

    def lengths(self) -> np.ndarray:
        return np.full(10, 60)

    def get(self, index: int, draw: np.random.Generator) -> torch.Tensor:
        return torch.full((60, 8), float(index))


def test_what_the_net_sees_is_all_utterances_of_a_window_and_it_writes_all_texts() -> None:
    config = ConformerConfig(
        vocab=14, bins=8, width=16, heads=2, layers=1, hidden=16, kernel=3, channels=4, dropout=0.0,
        ctc=False,
    )  # fmt: skip
    seen: list[torch.Tensor] = []

    class Watched(Conformer):
        def encode(self, features: torch.Tensor, lengths: torch.Tensor) -> object:  # type: ignore[override]
            seen.append(features)
            return super().encode(features, lengths)

    texts = [chr(ord("a") + i) * (i + 1) for i in range(10)]
    corpus = Corpus([Utterance(t, Path(t), t) for t in texts], [Tones()], (1.0,), {})
    targets = Targets(
        (1,), 2, lambda text: [3 + ord(c) - ord("a") for c in text], 400,
        lambda parts, pauses: torch.cat(parts),
    )  # fmt: skip
    recipe = Recipe("x", "conformer", batch=BatchConfig(alone=0.0))
    gradients = Gradients(
        recipe, Watched(config), targets, corpus, torch.device("cpu"), torch.float32, World()
    )
    packing = gradients.packing()
    assert packing is not None
    (batch,) = epoch_batches(corpus.frames(), np.ones(10, bool), 1200, 1, 0, packing)
    assert sorted(map(len, batch)) == [3, 3, 4] or len(batch) == 3
    assert gradients.seconds(batch) == pytest.approx(6.0)
    found = gradients.backward(batch, 1)
    assert torch.isfinite(found).all()
    assert seen[0].shape == (len(batch), 400, 8)
    assert gradients._text(batch[0]) == [t for i, _ in batch[0] for t in [3 + i] * (i + 1)]
