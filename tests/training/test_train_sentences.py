"""``attnasr train`` with a recipe for a net that writes sentences, and what such a net does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attnasr_cli.app import main
from attnasr_cli.checkpoint.folder import find_sentences, read_header, write_header
from attnasr_cli.families import models
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.recipe.sections import InitConfig
from attnasr_cli.text.sentences.file import load_net
from attnasr_cli.text.sentences.written import Case, read
from attnasr_cli.training.sentences.corpus import load
from attnasr_cli.training.sentences.fit import measure
from attnasr_cli.training.sentences.measure import compare
from attnasr_cli.training.sentences.windows import Windows
from attnasr_cli.training.start import keep_parts
from tests.conftest import Ran

TEXT = """And so, my fellow Americans, ask not what it can do. Where is Peter? He is at NASA.
My fellow men, ask McDonald what Peter can do. Is it so? It is at Rome.
Where is it? So ask my men, and ask Peter. He can do what McDonald can do.
"""
SMALL = """
[sentences]
texts = [["text.txt", 2]]
held_out = "text.txt"
min_count = 1
buckets = 100
width = 16
hidden = 24
layers = 1
dropout = 0.0
words = 60000
batch = 200
rate = 2e-2
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "text.txt").write_text(TEXT)
    (folder / "sentences.toml").write_text(SMALL)
    return folder / "sentences.toml"


@pytest.fixture(scope="module")
def net(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("net")
    assert main(["train", str(recipe), "-o", str(out)]) == 0
    return out / "sentences.safetensors"


def test_what_is_learnt_is_written(net: Path, recipe: Path) -> None:
    found = measure(net, recipe.parent / "text.txt")
    assert all(marks.f1 > 0.95 for marks in found.marks.values())
    assert found.case > 0.95
    assert load_net(net).spellings == {"mcdonald": "McDonald"}


def test_the_loss_falls_and_figures_are_told(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ["--set", "sentences.words=20000"]
    assert main(["train", str(recipe), "-o", str(tmp_path), *changes]) == 0
    captured = capsys.readouterr()
    losses = [float(line.split("loss ")[1]) for line in captured.err.splitlines() if "loss" in line]
    assert len(losses) == 10
    assert losses[-1] < 0.7 * losses[0]
    assert "sentence net of 0.0 MB, full stops F1" in captured.out


def test_the_same_seed_gives_the_same_net(recipe: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        out = str(tmp_path / name)
        assert main(["train", str(recipe), "-o", out, "--set", "sentences.words=2000"]) == 0
    a, b = (tmp_path / name / "sentences.safetensors" for name in ("a", "b"))
    assert a.read_bytes() == b.read_bytes()


def test_a_model_gets_it_and_writes_with_it(
    recipe: Path, net: Path, tiny_model: Path, tmp_path: Path, attnasr: Callable[..., Ran],
    speech_file: Callable[..., Path],
) -> None:  # fmt: skip
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    sound = speech_file(tmp_path / "a.wav", 3.0)
    options = ("transcribe", sound, "-m", model, "--beam", 1, "--dtype", "float32")
    plain = attnasr(*options).out
    assert attnasr("train", recipe, "-o", model, "--set", "sentences.words=2000").code == 0
    assert read_header(model).sentences is not None
    text = attnasr(*options).out
    assert text.split()[0][0].isupper()
    assert [w.strip(".,?").lower() for w in text.split()] == plain.split()
    ran = attnasr(*options, "--no-punctuation")
    assert (ran.code, ran.out) == (0, plain), ran.err
    assert attnasr(*options, "--punctuation").out == text
    table = json.loads(attnasr(*options, "-f", "json").out)
    assert table["text"] == text.strip()
    assert "".join(w["word"] for s in table["segments"] for w in s["words"]).strip() == text.strip()
    assert table["options"]["punctuation"].startswith("sentences.safetensors@")
    plain_table = json.loads(attnasr(*options, "-f", "json", "--no-punctuation").out)
    for a, b in zip(table["segments"], plain_table["segments"], strict=True):
        assert [(w["start"], w["probability"]) for w in a["words"]] == [
            (w["start"], w["probability"]) for w in b["words"]
        ]
    # references without marks are compared with plain words, others with what is written
    refs = tmp_path / "refs.tsv"
    refs.write_text(f"path\ttext\na.wav\t{plain.strip()}\n")
    assert "0.00" in attnasr("score", refs, "--model", model, "--normalizer", "none").out


def test_a_model_without_one_refuses_what_it_cannot(
    tiny_model: Path, tmp_path: Path, attnasr: Callable[..., Ran], speech_file: Callable[..., Path]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    toml = (model / "model.toml").read_text().replace('"none"', '"lower"')
    (model / "model.toml").write_text(toml)
    sound = speech_file(tmp_path / "a.wav", 1.0)
    ran = attnasr("transcribe", sound, "-m", model, "--punctuation")
    assert ran.code == 2
    assert "has no sentence net" in ran.err


def test_a_net_goes_along_where_its_words_or_its_language_do(
    net: Path, tiny_model: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first"
    shutil.copytree(tiny_model, first)
    shutil.copyfile(net, first / net.name)
    header = replace(read_header(first), sentences=find_sentences(first), languages=("en",))
    write_header(first, header)
    start = models.load(first)
    english = Recipe("x", "conformer", languages=("en",), init=InitConfig(str(first)))
    commands = replace(english, init=InitConfig(str(first), words="training"))
    goes = [
        (english, True, True),
        (english, False, True),
        (replace(english, languages=("de",)), True, True),
        (replace(english, languages=("de",)), False, False),
        (replace(english, languages=()), False, False),
        (commands, False, False),
    ]
    for number, (wanted, same_tokens, expected) in enumerate(goes):
        out = tmp_path / str(number)
        keep_parts(start, out, wanted, same_tokens)
        assert (out / net.name).is_file() == expected, (wanted, same_tokens)
    assert (tmp_path / "0" / net.name).read_bytes() == net.read_bytes()


def test_training_goes_on_from_a_net(recipe: Path, net: Path, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("Ask Berlin, my men. Is it so?\n")
    changes = [
        f"--set=sentences.init={net}",
        "--set=sentences.words=500",
        "--set=sentences.rate=1e-4",
    ]
    text = ["--train", str(tmp_path / "more.txt"), "--dev", str(recipe.parent / "text.txt")]
    assert main(["train", str(recipe), "-o", str(tmp_path), *text, *changes]) == 0
    again = load_net(tmp_path / net.name)
    assert again.ids.vocabulary == load_net(net).ids.vocabulary
    assert measure(tmp_path / net.name, recipe.parent / "text.txt").case > 0.95


WRONG = {
    'texts = [["text.txt", 0]]': "a weight under 1",
    'texts = [["text.txt", 1]]\nwrods = 3': "did you mean 'words'",
    'texts = [["text.txt", 1]]\nwidth = 0': "not positive",
    'texts = [["text.txt", 1]]\nunknown = 1.5': "shares",
}


@pytest.mark.parametrize("content", WRONG)
def test_wrong_keys_are_named(
    content: str, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = recipe.parent / "wrong.toml"
    wrong.write_text(f"[sentences]\n{content}\n")
    assert main(["train", str(wrong), "-o", str(recipe.parent / "out")]) == 2
    assert WRONG[content] in capsys.readouterr().err


def test_text_without_words_and_options_without_use_are_refused(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("HEADING\n\n")
    out = ["-o", str(tmp_path / "out")]
    assert main(["train", str(recipe), *out, "--train", str(tmp_path / "empty.txt")]) == 1
    assert "no sentences in" in capsys.readouterr().err
    assert main(["train", str(recipe), *out, "--device", "cpu"]) == 2
    assert "makes a sentence net, which does not use --device" in capsys.readouterr().err


def test_a_word_in_capitals_for_once_is_none_of_its_spellings(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("He is VERY old and very tall at NASA, and very kind.\n")
    corpus = load([(tmp_path / "text.txt", 1)])
    cases = dict(zip([corpus.types[n] for n in corpus.words], corpus.cases, strict=True))
    assert cases["nasa"] == Case.UPPER
    places = [corpus.types[n] for n in corpus.words]
    assert [int(c) for w, c in zip(places, corpus.cases, strict=True) if w == "very"] == [-1, 0, 0]


def test_windows_are_what_the_net_will_see(recipe: Path) -> None:
    corpus = load([(recipe.parent / "text.txt", 3)])
    for places, cases, marks in Windows(corpus, 1).batches(3000, 200):
        assert places.shape == cases.shape == marks.shape
        assert (places[:, -1] == 3).all()  # the end
        assert (marks[:, -1] == -1).all()
        words = places[:, places[0] >= 4] if (places[:, 0] >= 4).all() else places[:, 1:]
        assert (words[:, :-1] >= 4).all()


def test_errors_are_counted_by_aligned_words() -> None:
    right, other = "So, my Peter. Is it so?", "so my dear peter, Is it so?"
    found = compare([(read(right), read(other))])
    assert (found.words, found.cased) == (6, 4)
    comma, stop, question = found.marks.values()
    assert (comma.right, comma.written, comma.wanted) == (0, 1, 1)
    assert (stop.right, stop.written, stop.wanted) == (0, 0, 1)
    assert (question.right, question.written, question.wanted) == (1, 1, 1)
