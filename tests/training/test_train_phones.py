"""Training on the phones of a lexicon, and from a model that had another tokenizer."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from attnasr_cli.app import main
from attnasr_cli.checkpoint.folder import load_model
from attnasr_cli.text.phones import PhoneTokenizer


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    """Every word of the tones: a phone a letter."""
    words = [w for n in (2, 3, 4) for w in itertools.product("abcd", repeat=n)]
    lines = ["# phones: a b c d", *("".join(w) + " " + " ".join(w) for w in words)]
    path = tmp_path / "words.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def train(recipe: Path, out: Path, tones: Path, *more: str) -> int:
    return main(
        ["train", str(recipe), "-o", str(out), "--train", str(tones / "train.tsv"),
         "--dev", str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32",
         "--workers", "1", "--set", "optim.updates=2", *more]
    )  # fmt: skip


def test_a_model_that_spells_becomes_one_that_sounds(
    recipe: Path, tones: Path, tmp_path: Path, lexicon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters, sounds = tmp_path / "letters", tmp_path / "sounds"
    assert train(recipe, letters, tones) == 0
    settings = ["text.kind=phones", f"text.lexicon={lexicon.name}", f"init.model={letters}"]
    settings += ["init.keep_tokenizer=false", "optim.rate=0.0", "optim.average=0.0"]
    capsys.readouterr()
    assert train(recipe, sounds, tones, *(f"--set={s}" for s in settings)) == 0
    noted = capsys.readouterr().err
    assert "from nothing, as the tokenizer is another: decoder.embed, decoder.out" in noted
    before, after = load_model(letters), load_model(sounds)
    assert isinstance(after.tokenizer, PhoneTokenizer)
    assert after.net.config.vocab == 4 + 2 * 4
    old, new = before.net.state_dict(), after.net.state_dict()
    kept = [name for name in old if old[name].shape == new[name].shape]
    assert "encoder.front.out.weight" in kept
    assert all(torch.equal(old[name], new[name]) for name in kept)
    # the run goes on with the lexicon that it began with
    lexicon.unlink()
    settings.append("optim.updates=3")
    assert train(recipe, sounds, tones, *(f"--set={s}" for s in settings)) == 0


def test_words_that_the_lexicon_lacks_are_counted(
    recipe: Path, tones: Path, tmp_path: Path, lexicon: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = lexicon.read_text().splitlines()
    lexicon.write_text("\n".join(lines[:40]) + "\n")
    settings = ["text.kind=phones", f"text.lexicon={lexicon.name}"]
    assert train(recipe, tmp_path / "out", tones, *(f"--set={s}" for s in settings)) == 0
    assert "% of the words are not in the lexicon" in capsys.readouterr().err


def test_phones_need_a_lexicon(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(recipe, tmp_path / "out", tones, "--set", "text.kind=phones") == 2
    assert "a lexicon belongs to kind = 'phones'" in capsys.readouterr().err
    missing = ["--set", "text.kind=phones", "--set", "text.lexicon=none.txt"]
    assert train(recipe, tmp_path / "out", tones, *missing) == 1
    assert "no lexicon" in capsys.readouterr().err


def test_a_language_model_goes_with_its_tokens_and_stays(
    recipe: Path, tones: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(recipe, first, tones) == 0
    text, lm = tmp_path / "text.txt", tmp_path / "lm.toml"
    text.write_text("ab cd abc\nab abc\n" * 5)
    lm.write_text('[lm]\ntexts = [["text.txt", 1]]\norder = 2\nmin_count = 1\n')
    assert main(["train", str(lm), "-o", str(first)]) == 0
    held = load_model(first).header.lm
    assert held is not None
    # a run that goes on keeps it, and so does one that starts from this model
    assert train(recipe, first, tones, "--set", "optim.updates=3") == 0
    assert load_model(first).header.lm == held
    # and it is used from its first evaluation on, when nothing else is in the folder yet
    searched = ["--set", f"init.model={first}", "--set", "decoding.lm_weight=0.5"]
    assert train(recipe, second, tones, *searched) == 0
    model = load_model(second)
    assert model.header.lm == held
    assert model.lm_path is not None
    assert model.lm_path.is_file()
