"""The neural language model: what it gives for many texts is what it gives for each, its file
comes back as it was, and what it says decides among the hypotheses of a search."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.app import main
from attnasr_cli.errors import ModelError
from attnasr_cli.lm.neural.file import load_net, save_net
from attnasr_cli.lm.neural.net import NeuralConfig, NeuralLm
from attnasr_cli.lm.neural.rescore import Rescorer, Tree
from attnasr_cli.lm.neural.second_pass import SecondPass
from attnasr_cli.text.subwords import BpeTokenizer
from attnasr_cli.training.neural_lm.muon import Muon32, orthogonal
from tests.lm.conftest import SENTENCES

RECIPE = """
[neural_lm]
texts = [["text.txt", 20]]
held_out = "text.txt"
pieces = 30
width = 32
heads = 2
layers = 2
hidden = 64
tokens = 60000
window = 16
batch = 256
rate = 2e-2
"""


@pytest.fixture(scope="module")
def recipe(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("neural")
    (folder / "text.txt").write_bytes(text.read_bytes())
    (folder / "recipe.toml").write_text(RECIPE)
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def trained(recipe: Path) -> Path:
    out = recipe.parent / "out"
    assert main(["train", str(recipe), "-o", str(out)]) == 0
    return out / "neural_lm.safetensors"


@pytest.fixture(scope="module")
def rescorer(trained: Path) -> Rescorer:
    return Rescorer(trained)


def alone(rescorer: Rescorer, text: str) -> float:
    """Token by token, without a tree and a mask."""
    row = [rescorer.tokenizer.bos, *rescorer.tokenizer.encode(text)]
    total = 0.0
    for i in range(1, len(row)):
        states = rescorer.net(torch.tensor([row[:i]]))
        total += float(rescorer.net.logits(states)[0, -1].log_softmax(-1)[row[i]])
    return total


words = st.lists(
    st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "zyx", "dogs"]), max_size=7
)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(words, min_size=1, max_size=6))
def test_texts_that_share_a_beginning_have_the_scores_that_they_have_alone(
    rescorer: Rescorer, rows: list[list[str]]
) -> None:
    texts = [" ".join(row) for row in rows]
    found = rescorer.log_probs(texts)
    wanted = [alone(rescorer, text) for text in texts]
    assert found == pytest.approx(wanted, abs=1e-3)


def test_the_tree_has_a_common_beginning_once() -> None:
    tree = Tree(1)
    ends = [tree.add(row) for row in ([5, 6, 7], [5, 6, 8], [5, 6], [9], [])]
    assert tree.tokens == [1, 5, 6, 7, 8, 9]
    assert tree.depth == [0, 1, 2, 3, 3, 1]
    assert ends == [3, 4, 2, 5, 0]
    assert tree.seen()[4].tolist() == [True, True, True, False, True, False]


def test_what_is_learnt_is_likelier(rescorer: Rescorer) -> None:
    right, wrong = rescorer.log_probs(["the cat sat on the mat", "mat the on sat cat the"])
    assert right > wrong + 5
    assert sum(rescorer.log_probs(SENTENCES)) / len(SENTENCES) > -12  # nats a sentence


def test_a_text_longer_than_the_places_has_a_score(rescorer: Rescorer) -> None:
    [value] = rescorer.log_probs(["the cat sat on the mat " * 60])
    assert math.isfinite(value)
    assert value < 0


def test_the_file_comes_back(tmp_path: Path) -> None:
    tokenizer = BpeTokenizer.train(SENTENCES, 30, "unigram")
    torch.manual_seed(0)
    net = NeuralLm(NeuralConfig(tokenizer.vocab_size, 64, 2, 2, 128)).eval()
    size = save_net(tmp_path / "net", net, tokenizer)
    assert size == (tmp_path / "net").stat().st_size
    loaded = load_net(tmp_path / "net")
    assert loaded.tokenizer.to_bytes() == tokenizer.to_bytes()
    tokens = torch.tensor([tokenizer.encode("the cat sat on the mat")])
    old, new = (n.logits(n(tokens)) for n in (net, loaded.net))
    assert F.cosine_similarity(old.flatten(), new.flatten(), 0) > 0.999
    assert not any(p.requires_grad for p in loaded.net.parameters())


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x08\0\0\0\0\0\0\0{}      "])
def test_another_file_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net").write_bytes(content)
    with pytest.raises(ModelError, match="neural language model"):
        load_net(tmp_path / "net")


def test_a_run_that_was_stopped_goes_on(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(tokens: int, *more: str) -> int:
        sizes = ["--set", f"neural_lm.tokens={tokens}", "--set", "neural_lm.fall=0.01"]
        return main(["train", str(recipe), "-o", str(tmp_path), *sizes, *more])

    assert train(2560) == 0
    first = Rescorer(tmp_path / "neural_lm.safetensors").log_probs(SENTENCES)
    capsys.readouterr()
    assert train(25600) == 0
    assert "going on from step 10" in capsys.readouterr().err
    second = Rescorer(tmp_path / "neural_lm.safetensors").log_probs(SENTENCES)
    assert sum(second) > sum(first)
    assert train(25600, "--set", "neural_lm.rate=0.5") == 2
    assert "a run with other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("neural_lm.heads=3", "cannot be shared by 3 heads"),
        ("neural_lm.tokens=0", "not positive"),
        ("neural_lm.batch=4", "smaller than window"),
        ("neural_lm.speed=1", "speed"),
    ],
)
def test_a_wrong_recipe_is_refused(
    recipe: Path, tmp_path: Path, change: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(recipe), "-o", str(tmp_path), "--set", change]) == 2
    assert message in capsys.readouterr().err


def test_equal_texts_gain_the_same(rescorer: Rescorer) -> None:
    texts = ["the cat sat", "a dog", "the cat sat"]
    wanted = [0.4 * value for value in rescorer.log_probs(texts)]
    assert SecondPass(rescorer, 0.4).gains(texts) == pytest.approx(wanted)


def test_muon_in_float32_steps_like_torchs() -> None:
    """Up to the rounding of bfloat16, in which torch's computes; and its states go on in ours."""
    torch.manual_seed(3)
    start = [torch.randn(24, 16), torch.randn(8, 40)]
    sides = []
    for kind in (torch.optim.Muon, Muon32):
        weights = [torch.nn.Parameter(w.clone()) for w in start]
        muon = kind(weights, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        draw = torch.Generator().manual_seed(5)
        for _ in range(4):
            for w in weights:
                w.grad = torch.randn(w.shape, generator=draw)
            muon.step()
        sides.append((weights, muon.state_dict()))
    (theirs, state), (ours, _) = sides
    for w, a, b in zip(start, theirs, ours, strict=True):
        assert (a - b).norm() < 0.03 * (a - w).norm()
    Muon32(ours, lr=0.02).load_state_dict(state)


@pytest.mark.parametrize("shape", [(5, 40), (40, 5), (16, 16)])
def test_an_update_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    group = Muon32([torch.nn.Parameter(x)]).param_groups[0]
    made = orthogonal(x, group["ns_coefficients"], group["ns_steps"], group["eps"])
    found = torch.linalg.svdvals(made)
    assert found.min() > 0.3
    assert found.max() < 1.4
