"""``attnasr train`` from Moonshine's weights, through the real command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.audio.frames import pad
from attnasr_cli.errors import UsageError
from attnasr_cli.families import models
from attnasr_cli.families.moonshine.checkpoint import load_moonshine
from attnasr_cli.families.moonshine.features import SampleFrames
from attnasr_cli.families.moonshine.finetune import check_recipe, fit_recipe, moonshine_targets
from attnasr_cli.families.recipe.sections import LossConfig
from attnasr_cli.training.loss import losses
from attnasr_cli.training.recipes.read import read_recipe
from tests.conftest import Ran
from tests.families.moonshine.conftest import SMALL, STREAMING, heard, new_reference, save_folder

TEXTS = {"one": "Yes, two.", "two": "No"}
MINIMAL = 'name = "mine"\nnet = "{}"\n[init]\nmodel = "{}"\n'
QUICK = (
    "data.max_s=3", "data.speeds=[1.0]", "augment.time_masks_per_s=0", "optim.rate=4e-3",
    "optim.average=0.5", "optim.warmup=5",
)  # fmt: skip


@pytest.fixture(scope="module", params=[SMALL, STREAMING], ids=["moonshine", "streaming"])
def start(
    request: pytest.FixtureRequest,
    transformers: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A model folder with the weights that training from nothing begins with."""
    torch.manual_seed(1)
    reference = new_reference(transformers, request.param)
    return save_folder(reference, tmp_path_factory.mktemp("moonshine") / "start")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of about a second: a low and a high tone."""
    folder = tmp_path_factory.mktemp("data")
    rows = ["id\tpath\ttext"]
    for i, (name, text) in enumerate(TEXTS.items()):
        time = np.arange(32_000 + 3000 * i) / 16_000
        soundfile.write(folder / f"{name}.wav", 0.3 * np.sin(time * (1500 + 6000 * i)), 16_000)
        rows.append(f"{name}\t{name}.wav\t{text}")
    (folder / "all.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def recipe_of(tmp_path: Path) -> Callable[..., Any]:
    """What is read of a minimal recipe with these changes."""
    path = tmp_path / "minimal.toml"
    path.write_text(MINIMAL.format("moonshine", "moonshine-tiny"))
    return lambda *changes: read_recipe(path, changes)


def test_two_utterances_are_learnt_and_the_result_is_a_model_everywhere(
    start: Path, data: Path, tmp_path: Path, attnasr: Callable[..., Ran],
    recipe_of: Callable[..., Any], transformers: ModuleType,
) -> None:  # fmt: skip
    out, exported, recipe = tmp_path / "mine", tmp_path / "exported", tmp_path / "recipe.toml"
    net = models.load(start).net.name
    recipe.write_text(MINIMAL.format(net, start))
    changes = (*QUICK, "optim.updates=80", "optim.fall=0.2", "run.evaluate=80")
    ran = attnasr(
        "train", recipe, "-o", out, "--train", data / "all.tsv", "--dev", data / "all.tsv",
        "--device", "cpu", "--dtype", "float32", "--workers", "1", "--cache", tmp_path / "cache",
        *[word for change in changes for word in ("--set", change)],
    )  # fmt: skip
    assert ran.code == 0, ran.err
    model = models.load(out)
    assert model.header.languages == ("en",)

    def loss(net: Any) -> float:
        targets = moonshine_targets(
            fit_recipe(recipe_of(f"net={net.name}", "data.max_s=3"), model), net, model.tokenizer
        )
        rows = [SampleFrames().extract(sound(data / f"{name}.wav")) for name in TEXTS]
        tokens = [targets.encode(text) for text in TEXTS.values()]
        plain = LossConfig(ctc=0.0, smoothing=0.0)
        found = losses(net, *pad(rows), tokens, targets.prompt, targets.eos, plain)
        return float(found.total.detach())

    assert loss(load_moonshine(start, "start").net.eval()) > 5
    assert loss(model.net) < 0.5
    ran = attnasr("transcribe", "-m", out, "--no-vad", data / "one.wav")
    assert (ran.code, ran.out.split()) == (0, TEXTS["one"].split()), ran.err

    assert attnasr("models", "export", out, exported).code == 0
    theirs = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(exported).eval()
    written = theirs.generate(**heard(theirs, sound(data / "one.wav")), max_new_tokens=20)
    vocabulary = transformers.PreTrainedTokenizerFast.from_pretrained(exported)
    assert vocabulary.batch_decode(written, skip_special_tokens=True) == [TEXTS["one"]]


def sound(path: Path) -> torch.Tensor:
    samples, _ = soundfile.read(path, dtype="float32")
    return torch.from_numpy(samples)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("init.keep_tokenizer=false", "keep_tokenizer = false"),
        ("config.width=64", "[config] is set"),
        ("features.bins=40", "[features] is set"),
        ("text.kind=char", "[text] kind, vocab or lexicon is set"),
        ("loss.ctc=0.3", "no CTC head"),
        ("augment.frequency_masks=2", "hears samples"),
        ("data.max_s=31", "trained on 30 s"),
        ("decoding.beams=3", "[decoding] is set"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    recipe_of: Callable[..., Any], change: str, message: str
) -> None:
    with pytest.raises(UsageError) as problem:
        check_recipe(recipe_of(change))
    assert message in problem.value.message
