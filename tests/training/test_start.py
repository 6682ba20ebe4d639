"""A run from nothing but a folder of recordings: what is said, who is held out, which recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from attnasr_cli.checkpoint.folder import load_model
from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.training.choose import choose_recipe
from attnasr_cli.training.data.holdout import hold_out
from attnasr_cli.training.data.sampler import epoch_batches
from attnasr_cli.training.formats.read import read_data
from attnasr_cli.training.formats.utterance import Utterance
from tests.speech import babble

Run = Callable[..., Any]
SPEAKERS = ("anna", "ben", "carl")


def record(path: Path, seconds: float = 0.4, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, babble(seconds, seed), 16_000)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two digits, three speakers, five times each, as in the Free Spoken Digit Dataset."""
    root = tmp_path_factory.mktemp("fsdd")
    for digit in "27":
        for speaker in SPEAKERS:
            for n in range(5):
                record(root / "recordings" / f"{digit}_{speaker}_{n}.wav", seed=n)
    (root / "README.md").write_text("digits")
    return root


def test_names_say_word_and_speaker(digits: Path) -> None:
    found = read_data(digits)
    assert len(found) == 30
    assert Counter((u.text, u.speaker) for u in found) == {
        (digit, speaker): 5 for digit in "27" for speaker in SPEAKERS
    }


def test_folders_say_words_as_in_speech_commands(tmp_path: Path) -> None:
    for word in ("yes", "no", "turn_left", "_background_noise_"):
        for n in range(3):
            (tmp_path / word).mkdir(exist_ok=True)
            (tmp_path / word / f"a1b2_nohash_{n}.wav").touch()
    found = read_data(tmp_path)
    assert {u.text for u in found} == {"yes", "no", "turn left"}
    assert {u.speaker for u in found} == {"a1b2"}
    assert found[0].id == "no/a1b2_nohash_0"


def test_other_audio_without_texts_is_refused_with_what_is_wanted(tmp_path: Path) -> None:
    for n in range(9):
        (tmp_path / f"take {n}.wav").touch()
    with pytest.raises(DataError, match=r"taken for audio with \.txt beside") as caught:
        read_data(tmp_path)
    assert caught.value.hint.startswith("wanted: a manifest")
    (tmp_path / "texts.tsv").write_text("path\ttext\n")
    with pytest.raises(DataError) as caught:
        read_data(tmp_path)
    assert caught.value.hint == "name its table: texts.tsv"


def some(speakers: str, each: int = 10) -> list[Utterance]:
    return [
        Utterance(f"{s}{i}", Path(f"{s}{i}.wav"), "a", speaker=s if s != "?" else "")
        for s in speakers
        for i in range(each)
    ]


def test_whole_speakers_are_held_out() -> None:
    train, dev, what = hold_out(some("abcdef"), 0.1)
    assert len(dev) == 10
    assert not {u.speaker for u in train} & {u.speaker for u in dev}
    assert f"speakers {dev[0].speaker} (10 of 60" in what
    assert hold_out(some("abcdef")[::-1], 0.1)[1][0].speaker == dev[0].speaker
    named = hold_out(some("abcdef"), 0.1, ["c", "e"])[1]
    assert {u.speaker for u in named} == {"c", "e"}
    with pytest.raises(UsageError, match="nobody is called 'x'"):
        hold_out(some("abc"), 0.1, ["x"])


def test_where_speakers_are_not_known_utterances_are_held_out() -> None:
    for data in (some("?", 50), some("ab", 25)):
        train, dev, what = hold_out(data, 0.1)
        assert (len(train), len(dev)) == (45, 5)
        assert "5 utterances" in what
    with pytest.raises(UsageError, match="cannot be parted"):
        hold_out(some("?", 1), 0.1)


def test_a_corpus_is_drawn_as_often_as_its_weight_says() -> None:
    lengths, allowed = [np.full(100, 50)], np.ones(100, bool)
    weights = np.repeat([2.0, 0.5, 0.0], [20, 40, 40])
    drawn = Counter[int]()
    for epoch in range(20):
        for batch in epoch_batches(lengths, allowed, 500, 1, epoch, weights=weights):
            drawn.update(i for group in batch for i, _ in group)
    assert all(drawn[i] == 40 for i in range(20))
    assert 340 <= sum(drawn[i] for i in range(20, 60)) <= 460
    assert not any(drawn[i] for i in range(60, 100))


def test_weights_belong_to_corpora(recipe: Path, tones: Path, tmp_path: Path, attnasr: Run) -> None:
    data = [
        "--train",
        tones / "train.tsv",
        "--train",
        tones / "dev.tsv",
        "--dev",
        tones / "dev.tsv",
    ]
    ran = attnasr("train", recipe, "-o", tmp_path / "x", *data, "--set", "data.weights=[1.0]")
    assert ran.code == 2
    assert "data.weights has 1 numbers for 2 corpora" in ran.err
    few = ["--set", "data.weights=[1.0, 0.0]", "--set", "optim.updates=2", "--device", "cpu",
           "--workers", 1]  # fmt: skip
    ran = attnasr("train", recipe, "-o", tmp_path / "y", *data, *few)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("hours", "texts", "name"),
    [(0.2, 5000, "tiny"), (3.0, 5000, "small"), (150.0, 5000, "medium"), (900.0, 5000, "large"),
     (0.2, 8, "commands"), (150.0, 8, "medium")],
)  # fmt: skip
def test_the_recipe_follows_from_hours_and_texts(
    hours: float, texts: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnasr_cli.training import choose
    from attnasr_cli.training.check import Length

    words = ["yes", "no", "stop", "go", "left", "right", "up", "down"]
    made = [f"{words[i % 8]} {i}" if texts > 8 else words[i % 8] for i in range(texts * 5)]
    data = [Utterance(str(i), Path("x"), text) for i, text in enumerate(made)]
    each = hours * 3600 / len(data)
    monkeypatch.setattr(choose, "read_corpora", lambda paths, normalizer: data)
    monkeypatch.setattr(choose, "lengths_of", lambda them: [Length(min(each, 2.9))] * len(them)
                        if texts == 8 and hours < 1 else [Length(each)] * len(them))  # fmt: skip
    assert choose_recipe([Path("x")])[0] == name


def test_train_needs_nothing_but_recordings(digits: Path, tmp_path: Path, attnasr: Run) -> None:
    out = tmp_path / "model"
    quick = ["--set", "optim.updates=1", "--set", "batch.seconds=3", "--set", "decoding.beams=2",
             "--device", "cpu", "--workers", 1]  # fmt: skip
    ran = attnasr("train", "-o", out, "--train", digits, *quick)
    assert ran.code == 0, ran.err
    assert "recipe commands for 0.00 h of speech, 2 different texts" in ran.err
    assert "held out as dev set: speakers" in ran.err
    model = load_model(out)
    assert isinstance(model.tokenizer, PhoneTokenizer)
    assert sorted(model.tokenizer.spoken) == ["2", "7"]
    assert not (out / "lm.safetensors").exists()
    again = attnasr("train", "-o", out, "--train", digits, *quick)  # done: nothing is trained
    assert again.code == 0, again.err
    spoken = attnasr("transcribe", digits / "recordings" / "2_anna_0.wav", "-m", out)
    assert set(spoken.out.split()) <= {"2", "7"}


def test_the_smallest_recipe_of_the_readme_trains_on_digits(
    digits: Path, tmp_path: Path, attnasr: Run
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    recipe = tmp_path / "smallest.toml"
    recipe.write_text(readme.split("The smallest one, and", 1)[1].split("```")[1].split("\n", 1)[1])
    quick = ["--set", "optim.updates=1", "--device", "cpu", "--workers", 1]
    ran = attnasr("train", recipe, "-o", tmp_path / "mine", "--train", digits, *quick)
    assert ran.code == 0, ran.err
    assert "left out" not in ran.err
