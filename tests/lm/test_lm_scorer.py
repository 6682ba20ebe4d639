"""The scorer against the model it is made of, whatever the pieces."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.lm.lexicon import Lexicon
from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.scorer import NgramScorer
from attnasr_cli.lm.vocabulary import UNKNOWN
from attnasr_cli.nets.protocol import reorder

LETTERS = list("acdehimnorstxyz")
SUBWORDS = ["<blank>", "<eos>", "▁", "▁t", "▁th", "▁the", "▁c", "▁ca", "▁cat", "▁a", "at", "he",
            "re", "og", "▁d", "g", "on", "is", *LETTERS, "▁q", "q"]  # fmt: skip
CHARACTERS = ["<blank>", "<eos>", " ", *LETTERS, "g", "q"]
EOS = 1


def greedy(pieces: list[str], text: str) -> list[int]:
    """The longest piece first."""
    ids = {piece: i for i, piece in enumerate(pieces)}
    out: list[int] = []
    while text:
        piece = next(text[:n] for n in range(len(text), 0, -1) if text[:n] in ids)
        out.append(ids[piece])
        text = text[len(piece) :]
    return out


def encode_subwords(text: str) -> list[int]:
    return greedy(SUBWORDS, "▁" + text.replace(" ", "▁"))


def encode_characters(text: str) -> list[int]:
    return [CHARACTERS.index(c) for c in text]


TOKENIZERS = {
    "subwords": (SUBWORDS, encode_subwords),
    "characters": (CHARACTERS, encode_characters),
}
BONUS, PENALTY = 0.7, -3.0


def make(model: NgramModel, kind: str) -> NgramScorer:
    pieces, encode = TOKENIZERS[kind]
    return NgramScorer(model, pieces, encode, EOS, word_bonus=BONUS, unknown_penalty=PENALTY)


def walk(scorer: NgramScorer, tokens: list[int]) -> float:
    """The sum of the scores of tokens, one row."""
    state, total = scorer.start(None, 1), 0.0
    for token in tokens:
        total += float(scorer.score(state)[0, token])
        state = scorer.advance(state, torch.tensor([token]))
    return total


def expected(model: NgramModel, words: list[str], pieces: list[int]) -> float:
    """Σ log p + bonus, with ``pieces`` (per word) for words that are unknown, and the end."""
    context, total = model.start(1), 0.0
    for word, count in zip([*words, "<s>"], [*pieces, 0], strict=True):
        one = model.vocabulary.ids.get(word, UNKNOWN)
        total += float(model.log_prob(context, np.array([[one]]))[0, 0])
        total += PENALTY * count if one == UNKNOWN else 0
        total += BONUS if word != "<s>" else 0
        context = model.extend(context, np.array([one]))
    return total


WORDS = ["the", "cat", "a", "there", "then", "other", "dog", "is", "xyz", "that", "t", "q", "cats"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(TOKENIZERS)), st.lists(st.sampled_from(WORDS), max_size=6))
def test_a_sentence_costs_the_sum_of_its_words(
    model: NgramModel, kind: str, words: list[str]
) -> None:
    scorer = make(model, kind)
    _, encode = TOKENIZERS[kind]
    tokens = encode(" ".join(words)) if words else []
    counts = [len(encode(word)) + (kind == "characters" and i > 0) for i, word in enumerate(words)]
    got = walk(scorer, [*tokens, EOS])
    assert got == pytest.approx(expected(model, words, counts), abs=1e-3)


def test_other_segmentations_of_a_word_cost_the_same(model: NgramModel) -> None:
    scorer = make(model, "subwords")
    ids = {piece: i for i, piece in enumerate(SUBWORDS)}
    for split in (["▁the", "re"], ["▁", "t", "he", "r", "e"], ["▁th", "e", "re"]):
        got = walk(scorer, [ids[piece] for piece in [*split, "<eos>"]])
        assert got == pytest.approx(expected(model, ["there"], [0]), abs=1e-3), split


def test_look_ahead_is_the_best_word_that_can_come(model: NgramModel) -> None:
    scorer = make(model, "subwords")
    ids = {piece: i for i, piece in enumerate(SUBWORDS)}
    state = scorer.start(None, 1)
    for token in encode_subwords("the"):
        state = scorer.advance(state, torch.tensor([token]))
    base = float(scorer.score(state)[0, ids["▁c"]])
    state = scorer.advance(state, torch.tensor([ids["▁c"]]))
    words = [model.vocabulary.ids[w] for w in model.vocabulary.words if w.startswith("c")]
    the = model.extend(model.start(1), np.array([model.vocabulary.ids["the"]]))
    best = float(model.log_prob(the, np.array([words])).max())
    first = float(model.log_prob(model.start(1), np.array([[model.vocabulary.ids["the"]]]))[0, 0])
    ahead_of_the = float(walk(scorer, [ids["▁the"]]))
    assert base == pytest.approx(first + BONUS - ahead_of_the + best, abs=1e-3)
    assert ahead_of_the >= first - 1e-3


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(TOKENIZERS)),
    st.lists(st.lists(st.integers(2, 17), min_size=6, max_size=6), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_rows_do_not_see_each_other_and_scores_are_finite(
    model: NgramModel, kind: str, rows: list[list[int]], random: object
) -> None:
    scorer = make(model, kind)
    tokens = torch.tensor(rows)
    together = scorer.start(None, len(rows))
    alone = [scorer.start(None, 1) for _ in rows]
    for u in range(tokens.shape[1]):
        scores = scorer.score(together)
        assert scores.shape == (len(rows), len(scorer.starts))
        assert torch.isfinite(scores).all()
        for row, state in enumerate(alone):
            torch.testing.assert_close(scores[row], scorer.score(state)[0], atol=1e-4, rtol=0)
        together = scorer.advance(together, tokens[:, u])
        alone = [scorer.advance(state, tokens[row : row + 1, u]) for row, state in enumerate(alone)]


def test_state_is_a_tree_that_the_search_can_reorder(model: NgramModel) -> None:
    scorer = make(model, "subwords")
    state = scorer.advance(scorer.start(None, 3), torch.tensor([3, 5, 9]))
    picked = reorder(state, torch.tensor([2, 2, 0]))
    scores = scorer.score(state)
    torch.testing.assert_close(scorer.score(picked), scores[[2, 2, 0]])


@pytest.fixture
def small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnasr_cli.lm.decode.contexts.CONTEXTS", 2)
    monkeypatch.setattr("attnasr_cli.lm.decode.lookahead.REMEMBERED", 3)


@pytest.mark.usefixtures("small_caches")
def test_a_full_cache_is_begun_anew(model: NgramModel) -> None:
    scorer = make(model, "subwords")
    sentences = ["the cat sat on", "then a dog is", "a cat is there and"]
    for sentence in sentences * 2:
        before = scorer.contexts
        tokens = encode_subwords(sentence)
        assert walk(scorer, tokens) == pytest.approx(walk(make(model, "subwords"), tokens))
        assert scorer.contexts.full
        assert before is not scorer.contexts or sentence == sentences[0]


@pytest.mark.usefixtures("small_caches")
def test_threads_share_a_scorer(model: NgramModel) -> None:
    """Batches are decoded side by side, with one language model."""
    scorer = make(model, "subwords")
    sentences = ["the cat sat on", "then a dog is", "a cat is there and", "the other dog is"]
    wanted = [walk(make(model, "subwords"), encode_subwords(s)) for s in sentences]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda s: walk(scorer, encode_subwords(s)), sentences * 8))
    assert found == pytest.approx(wanted * 8)


def test_lexicon_finds_every_word_and_step(model: NgramModel) -> None:
    words = model.vocabulary.words
    lexicon = Lexicon(words, SUBWORDS, encode_subwords)
    for i, word in enumerate(words[2:], 2):
        node = np.zeros(1, np.int64)
        for piece in encode_subwords(word):
            node = lexicon.step(node, np.array([piece]))
        assert node[0] > 0
        assert lexicon.words[node[0]].tolist() == [i]
        assert lexicon.low[node[0]] in lexicon.entries.at(np.array([i]))[0]
    rows, pieces, targets = lexicon.steps(np.arange(-1, lexicon.size))
    np.testing.assert_array_equal(lexicon.step(rows - 1, pieces), targets)
    assert math.isclose(len(rows), len(lexicon.keys))


def test_an_empty_vocabulary_leaves_only_unknown_words(model: NgramModel) -> None:
    from attnasr_cli.lm.counts import count_ngrams
    from attnasr_cli.lm.kneser_ney import estimate
    from attnasr_cli.lm.ngram import build
    from attnasr_cli.lm.vocabulary import Vocabulary

    vocabulary = Vocabulary([])
    levels = count_ngrams([(np.array([0, 1, 1, 0, 1, 0], np.int32), 1)], 3, 2)
    empty = build(vocabulary, levels, estimate(levels), None, model.spelling)
    scorer = NgramScorer(empty, SUBWORDS, encode_subwords, EOS, unknown_penalty=PENALTY)
    tokens = encode_subwords("the cat")
    assert math.isfinite(walk(scorer, [*tokens, EOS]))


def test_two_word_marks_in_a_row_are_no_word(model: NgramModel) -> None:
    pieces = [
        "<blank>",
        "<s>",
        "</s>",
        "<unk>",
        *sorted({c for w in model.vocabulary.words for c in w}),
    ]
    pieces = [*dict.fromkeys(pieces), "▁"]
    mark = pieces.index("▁")
    scorer = NgramScorer(model, pieces, lambda text: [mark], 2)
    state = scorer.advance(scorer.start(None, 1), torch.tensor([mark]))
    scores = scorer.score(state)[0]
    assert float(scores[mark]) < -15
    assert float(scores[2]) < -15
    assert float(scores.max()) > -5


@pytest.mark.parametrize(
    ("bonus", "ahead", "monotone"),
    [(-3.0, 1, True), (0.0, 1, False), (0.0, 9, True), (0.7, 9, False)],
)
def test_it_says_whether_its_sum_may_rise(
    model: NgramModel, bonus: float, ahead: int, monotone: bool
) -> None:
    """The search stops early only where what it has found cannot be overtaken."""
    pieces, encode = TOKENIZERS["characters"]
    scorer = NgramScorer(model, pieces, encode, EOS, word_bonus=bonus, ahead_words=ahead)
    assert scorer.monotone is monotone
