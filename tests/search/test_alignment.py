"""Places of tokens against brute force; words from tokens."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from attnasr_cli.families.words import group, spaced, words_of
from attnasr_cli.search.alignment import Spans, attention_align, ctc_align, dtw
from attnasr_cli.text.chars import CharTokenizer


def collapse(path: tuple[int, ...]) -> list[int]:
    return [t for t, _ in itertools.groupby(path) if t != 0]


@pytest.mark.parametrize("tokens", [[1], [1, 2], [1, 1], [2, 1, 2], [1, 1, 1]])
@pytest.mark.parametrize("seed", range(3))
def test_ctc_alignment_is_the_best_path(tokens: list[int], seed: int) -> None:
    S, V = 6, 3
    generator = torch.Generator().manual_seed(seed)
    log_probs = torch.randn(S, V, generator=generator).mul(2).log_softmax(-1)
    spans = ctc_align(log_probs, tokens)
    assert spans is not None
    paths = [p for p in itertools.product(range(V), repeat=S) if collapse(p) == tokens]
    best = max(paths, key=lambda p: sum(float(log_probs[s, t]) for s, t in enumerate(p)))
    firsts, lasts, before = [], [], 0
    for s, t in enumerate(best):
        if t != 0 and (s == 0 or t != before):
            firsts.append(s)
            lasts.append(s)
        elif t != 0:
            lasts[-1] = s
        before = t
    assert (spans.first.tolist(), spans.last.tolist()) == (firsts, lasts)


def test_what_does_not_fit_has_no_alignment() -> None:
    log_probs = torch.zeros(2, 3).log_softmax(-1)
    assert ctc_align(log_probs, [1, 2, 1]) is None
    assert ctc_align(log_probs, [1, 1]) is None
    empty = ctc_align(log_probs, [])
    assert empty is not None
    assert len(empty.first) == 0


def cheapest(cost: np.ndarray, u: int, s: int) -> float:
    """Brute force: the cheapest way to (u, s) by steps down, right, or both."""
    before = [(u - 1, s), (u, s - 1), (u - 1, s - 1)]
    ways = [cheapest(cost, *cell) for cell in before if min(cell) >= 0]
    return float(cost[u, s]) + min(ways, default=0.0)


@pytest.mark.parametrize("shape", [(3, 7), (5, 2), (1, 4), (4, 1), (5, 5)])
def test_time_warping_is_the_cheapest_monotonic_path(shape: tuple[int, int]) -> None:
    cost = np.random.default_rng(sum(shape)).standard_normal(shape)
    tokens, positions = dtw(cost)
    assert (tokens[0], positions[0]) == (0, 0)
    assert (tokens[-1], positions[-1]) == (shape[0] - 1, shape[1] - 1)
    steps = list(zip(np.diff(tokens), np.diff(positions), strict=True))
    assert set(steps) <= {(0, 1), (1, 0), (1, 1)}
    wanted = cheapest(cost, shape[0] - 1, shape[1] - 1)
    assert cost[tokens, positions].sum() == pytest.approx(wanted, abs=1e-5)


def test_blurred_heads_do_not_count() -> None:
    U, S = 4, 20
    sharp = torch.zeros(U, S)
    for u in range(U):
        sharp[u, 5 * u : 5 * u + 5] = 0.2
    blurred = torch.full((U, S), 1 / S)
    weights = torch.stack([blurred, blurred, blurred, sharp])[None]  # (1, H, U, S)
    assert attention_align(weights).first.tolist() == [0, 5, 10, 15]


def test_more_tokens_than_positions() -> None:
    spans = attention_align(torch.full((1, 1, 5, 2), 0.5))
    assert len(spans.first) == len(spans.last) == 5
    assert (np.diff(spans.first) >= 0).all()
    assert set(spans.first) | set(spans.last) <= {0, 1}


def test_words_of_characters() -> None:
    tokenizer = CharTokenizer.train(["ab c"])
    tokens = tokenizer.encode("ab c")
    assert group(tokens, tokenizer.pieces) == [[0, 1, 2], [3, 4]]
    spans = Spans(np.array([0, 5, 10, 20, 25]), np.array([0, 6, 11, 21, 26]))
    first, second = words_of(
        tokens, [0.0, 0.0, -0.7, -0.7, -0.7], spans, 0.04, 2.0, tokenizer, lead_s=0.0, tail_s=0.0
    )
    assert first.word + second.word == " ab c"
    assert (first.start, first.end) == (pytest.approx(0.2), pytest.approx(0.48))
    assert second.start == pytest.approx(1.0)
    assert second.probability == pytest.approx(0.4966, abs=1e-3)


def test_words_stay_inside_and_in_order() -> None:
    tokenizer = CharTokenizer.train(["a b"])
    tokens = tokenizer.encode("a b a")
    places = np.array([0, 1, 1, 2, 2, 49])
    words = words_of(tokens, [-0.1] * 6, Spans(places, places), 0.04, 1.5, tokenizer)
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0.0
    assert edges[-1] <= 1.5


def test_scripts_without_spaces() -> None:
    pieces = ["<blank>", "<s>", "</s>", "<unk>", "▁", "我", "们", "a"]
    assert group([4, 5, 6], pieces) == [[0, 1], [2]]
    assert group([5, 7, 7, 6], pieces) == [[0], [1, 2], [3]]
    assert spaced("我们") == "我们"
    assert spaced("we ") == " we"
