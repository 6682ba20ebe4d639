"""Queries, the file, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.errors import DataError, ModelError, UsageError
from attnasr_cli.lm.file import STEP, load_model, save_model
from attnasr_cli.lm.ngram import NgramModel
from attnasr_cli.lm.spelling import spelling_score
from attnasr_cli.lm.train import LmConfig, measure, train_ngram
from attnasr_cli.lm.vocabulary import BORDER, UNKNOWN, Vocabulary

Make = Any  # a function: see conftest.py


def dictionaries(model: NgramModel) -> tuple[dict[tuple[int, ...], float], ...]:
    """log p and log γ of every n-gram."""
    size = len(model.vocabulary)
    grams: list[tuple[int, ...]] = [(i,) for i in range(size)]
    log_prob, backoff = {}, {}
    for k, order in enumerate(model.orders):
        if k:
            grams = [(*grams[key // size], int(key % size)) for key in order.keys]
        log_prob |= dict(zip(grams, order.log_prob.tolist(), strict=True))
        backoff |= dict(zip(grams, order.backoff.tolist(), strict=False))
    return log_prob, backoff


def by_dictionary(tables: tuple[dict[tuple[int, ...], float], ...], gram: tuple[int, ...]) -> float:
    log_prob, backoff = tables
    if gram in log_prob:
        return log_prob[gram]
    return backoff.get(gram[:-1], 0.0) + by_dictionary(tables, gram[1:])


@pytest.mark.parametrize("order", [2, 3, 4])
def test_query_equals_back_off_with_dictionaries(text: Path, order: int, make_model: Make) -> None:
    model, _ = make_model(text, order, min_count=2)
    tables = dictionaries(model)
    rng = np.random.default_rng(0)
    contexts = rng.integers(1, len(model.vocabulary), (50, order - 1))
    contexts[:10] = model.start(10)
    words = rng.integers(0, len(model.vocabulary), (50, 7))
    got = model.log_prob(contexts, words)
    for row, context in enumerate(contexts):
        for column, word in enumerate(words[row]):
            gram = (*(int(w) for w in context if w >= 0), int(word))
            assert got[row, column] == pytest.approx(by_dictionary(tables, gram), abs=1e-4)


def test_followers_are_the_counted_words(model: NgramModel) -> None:
    the, cat = (model.vocabulary.ids[word] for word in ("the", "cat"))
    words, log_prob, count = model.followers(1, np.array([the, cat]))
    assert count.sum() == len(words) == len(log_prob)
    known = {model.vocabulary.words[w] for w in words[: count[0]]}
    assert "cat" in known
    assert "on" not in known
    for word, part in zip((the, cat), np.split(np.arange(len(words)), count[:1]), strict=True):
        context = np.full((1, 2), word)
        context[0, 0] = -1
        wanted = model.log_prob(context, words[None, part])[0]
        np.testing.assert_allclose(wanted, log_prob[part], atol=1e-5)


def test_file_gives_the_same_model_within_a_step(model: NgramModel, tmp_path: Path) -> None:
    path = tmp_path / "lm.safetensors"
    size = save_model(model, path)
    assert size == path.stat().st_size
    again = load_model(path)
    assert again.vocabulary.words == model.vocabulary.words
    np.testing.assert_array_equal(again.spelling, model.spelling)
    for a, b in zip(again.orders, model.orders, strict=True):
        np.testing.assert_array_equal(a.keys, b.keys)
        np.testing.assert_allclose(a.log_prob, b.log_prob, atol=STEP / 2 + 1e-3)
        np.testing.assert_allclose(a.backoff, b.backoff, atol=STEP / 2 + 1e-3)
    second = tmp_path / "again.safetensors"
    save_model(again, second)
    assert second.read_bytes() == path.read_bytes()


def test_damaged_and_foreign_files_are_refused(model: NgramModel, tmp_path: Path) -> None:
    path = tmp_path / "lm.safetensors"
    save_model(model, path)
    content = path.read_bytes()
    for damaged in (b"", content[:-9], content[:200] + b"\0" * 400 + content[600:]):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match="language model"):
            load_model(path)
    with pytest.raises(ModelError):
        load_model(tmp_path / "nothing")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(" \nab\u00e9c"), max_size=60))
def test_stream_is_the_words_between_borders(
    tmp_path_factory: pytest.TempPathFactory, letters: list[str]
) -> None:
    path = tmp_path_factory.mktemp("stream") / "text"
    path.write_text("".join(letters), encoding="utf-8")
    vocabulary = Vocabulary(["a", "b"])
    expected = [BORDER]
    for line in "".join(letters).split("\n"):
        if line.split():
            expected += [*vocabulary.encode(line.split()), BORDER]
    assert vocabulary.stream(path).tolist() == expected


def test_perplexity_by_hand(model: NgramModel) -> None:
    lines = ["the cat sat", "zyx the", ""]
    got = measure(model, lines)
    ids = model.vocabulary.ids
    total, count, everything = 0.0, 0, 0.0
    for line in lines[:2]:
        context = model.start(1)
        for word in [*line.split(), "<s>"]:
            one = ids.get(word, UNKNOWN)
            score = float(model.log_prob(context, np.array([[one]]))[0, 0])
            everything += score
            if one == UNKNOWN:
                everything += spelling_score(model.spelling, word)
            else:
                total, count = total + score, count + 1
            context = model.extend(context, np.array([one]))
    assert (got.words, got.unknown) == (5, 1)
    assert got.perplexity == pytest.approx(np.exp(-total / count), rel=1e-4)
    assert got.perplexity_all == pytest.approx(np.exp(-everything / (count + 1)), rel=1e-4)


def test_training_meets_its_size_and_says_how_good_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [" ".join(f"w{int(i)}" for i in rng.zipf(1.5, 9) % 200) for _ in range(2000)]
    text, held_out = tmp_path / "text.txt", tmp_path / "held_out.txt"
    text.write_text("\n".join(lines[100:]))
    held_out.write_text("\n".join(lines[:100]))
    big = LmConfig(((str(text), 1),), max_mb=0, held_out=str(held_out))
    whole = train_ngram(big, tmp_path / "whole.safetensors")
    assert whole.counted == whole.ngrams
    assert whole.words == 1900 * 9
    limit = 0.5 * whole.bytes / 1e6
    notes: list[str] = []
    small = LmConfig(((str(text), 1),), max_mb=limit, held_out=str(held_out))
    pruned = train_ngram(small, tmp_path / "small.safetensors", notes.append)
    assert 0.9 * limit * 1e6 < pruned.bytes <= limit * 1e6
    assert sum(pruned.ngrams) < sum(whole.ngrams)
    assert whole.held_out is not None
    assert pruned.held_out is not None
    assert pruned.held_out.perplexity < 200 / 2
    assert any("perplexity" in note for note in notes)


def test_wrong_configurations_are_refused(tmp_path: Path) -> None:
    for change in ({"order": 1}, {"texts": ()}, {"texts": (("x", 0),)}, {"min_count": 0}):
        with pytest.raises(UsageError):
            LmConfig(**({"texts": (("x", 1),)} | change))
    with pytest.raises(DataError, match="nothing"):
        train_ngram(LmConfig(((str(tmp_path / "nothing"), 1),)), tmp_path / "out")
