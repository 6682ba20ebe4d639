"""A small text, its language model, and tokenizers over its letters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.lm.counts import Level, count_ngrams
from attnasr_cli.lm.kneser_ney import estimate
from attnasr_cli.lm.ngram import NgramModel, build
from attnasr_cli.lm.spelling import estimate_spelling
from attnasr_cli.lm.vocabulary import choose, count_words

SENTENCES = [
    "the cat sat on the mat",
    "the cat sat on the hat",
    "the dog sat on the cat",
    "a cat and a dog",
    "then the other cat sat there",
    "the cats and the dogs are on the mat",
    "a dog is not a cat",
    "there is a hat on the cat",
    "the other dog is there and then the cat is there",
    "zyx",
]


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lm") / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n")
    return path


def counted_model(text: Path, order: int = 3, min_count: int = 1) -> tuple[NgramModel, list[Level]]:
    counts = count_words([(text, 1)])
    vocabulary = choose(counts, 100, min_count)
    levels = count_ngrams([(vocabulary.stream(text), 1)], order, len(vocabulary))
    spelling = estimate_spelling(counts, vocabulary.ids)
    return build(vocabulary, levels, estimate(levels), None, spelling), levels


@pytest.fixture(scope="session")
def model(text: Path) -> NgramModel:
    return counted_model(text, min_count=2)[0]


@pytest.fixture(scope="session")
def make_model() -> Callable[..., tuple[NgramModel, list[Level]]]:
    return counted_model


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    return SENTENCES
