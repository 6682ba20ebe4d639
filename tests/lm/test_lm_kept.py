"""A language model in a file that is mapped into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attnasr_cli.lm.decode import kept
from attnasr_cli.lm.file import load_model, save_model
from attnasr_cli.lm.lexicon import Lexicon
from attnasr_cli.lm.ngram import NgramModel

PIECES = ["<blank>", "<eos>", " ", *"acdehmnost"]


@pytest.fixture
def parts(model: NgramModel, tmp_path: Path) -> tuple[NgramModel, Lexicon]:
    save_model(model, tmp_path / "lm.safetensors")
    ngrams = load_model(tmp_path / "lm.safetensors")
    encode = lambda text: [PIECES.index(c) for c in text]  # noqa: E731
    return ngrams, Lexicon(ngrams.vocabulary.words, PIECES, encode)


def test_what_is_kept_is_what_was_made(
    parts: tuple[NgramModel, Lexicon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "WORTH_KEEPING", 1)
    path = tmp_path / "kept" / "a.safetensors"
    assert kept.find(path) is None
    assert kept.keep(path, *parts)
    found = kept.find(path)
    assert found is not None
    (ngrams, lexicon), (model, made) = found, parts
    assert ngrams.vocabulary.words == model.vocabulary.words
    np.testing.assert_array_equal(ngrams.spelling, model.spelling)
    for a, b in zip(ngrams.orders, model.orders, strict=True):
        np.testing.assert_array_equal(a.keys, b.keys)
        np.testing.assert_array_equal(a.log_prob[:], b.log_prob[:])
        np.testing.assert_array_equal(a.backoff[:], b.backoff[:])
    assert (lexicon.pieces, lexicon.size, lexicon.start) == (made.pieces, made.size, made.start)
    for name, values in made.arrays().items():
        np.testing.assert_array_equal(lexicon.arrays()[name], values)
    assert not lexicon.low.flags.writeable  # mapped, not read


def test_a_damaged_file_is_made_again(
    parts: tuple[NgramModel, Lexicon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "WORTH_KEEPING", 1)
    path = tmp_path / "a.safetensors"
    assert kept.keep(path, *parts)
    whole = path.read_bytes()
    for content in (b"", whole[:100], whole[:-1], b"nonsense" * 9):
        path.write_bytes(content)
        assert kept.find(path) is None


def test_small_models_and_full_disks_keep_nothing(
    parts: tuple[NgramModel, Lexicon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not kept.keep(tmp_path / "a.safetensors", *parts)
    monkeypatch.setattr(kept, "WORTH_KEEPING", 1)
    (tmp_path / "file").touch()
    assert not kept.keep(tmp_path / "file" / "a.safetensors", *parts)


def test_only_the_latest_are_kept(
    parts: tuple[NgramModel, Lexicon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "WORTH_KEEPING", 1)
    for name in "abcde":
        kept.keep(tmp_path / f"{name}.safetensors", *parts)
    assert len(list(tmp_path.glob("?.safetensors"))) == kept.FILES
    assert (tmp_path / "e.safetensors").is_file()
