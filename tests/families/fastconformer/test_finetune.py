"""``attnasr train`` from Canary's and Cohere's weights, through the real command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.errors import UsageError
from attnasr_cli.families import models
from attnasr_cli.families.fastconformer.features import DITHER, NemoMel
from attnasr_cli.families.fastconformer.finetune import check_recipe, fit_recipe
from attnasr_cli.families.fastconformer.published import CANARY
from attnasr_cli.training.recipes.read import read_recipe
from tests.conftest import Ran
from tests.families.fastconformer.conftest import KINDS, config_class, configuration, save_folder

TEXTS = {"one": "the gospel", "two": "Öl"}
MINIMAL = 'name = "mine"\nnet = "{}"\nlanguages = ["de"]\n[init]\nmodel = "{}"\n'
QUICK = (
    "data.max_s=3", "data.speeds=[1.0]", "augment.time_masks_per_s=0",
    "augment.frequency_masks=0", "optim.rate=4e-3", "optim.average=0.5", "optim.warmup=5",
    "optim.updates=100", "optim.fall=0.2", "run.evaluate=100",
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two recordings of two seconds: a tone that rises and one that falls. One that stays would be
    nothing, as each bin is normalised over time."""
    rows = ["id\tpath\ttext"]
    for i, (name, text) in enumerate(TEXTS.items()):
        hertz = np.linspace(300, 3000, 32_000 + 3000 * i)[:: 1 - 2 * i]
        tone = 0.3 * np.sin(2 * np.pi * np.cumsum(hertz) / 16_000)
        soundfile.write(tmp_path / f"{name}.wav", tone, 16_000)
        rows.append(f"{name}\t{name}.wav\t{text}")
    (tmp_path / "all.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
def test_two_utterances_are_learnt_and_the_result_is_a_model_everywhere(
    kind: str,
    data: Path,
    tmp_path: Path,
    attnasr: Callable[..., Ran],
    transformers: ModuleType,
) -> None:
    torch.manual_seed(1)
    config = configuration(transformers, KINDS[kind])
    for part in (config, config.encoder_config, getattr(config, "decoder_config", config)):
        part.initializer_range = 0.15  # with less so narrow a net hardly hears
    reference = getattr(transformers, config_class(KINDS[kind]))
    begun = reference(config)
    start = save_folder(begun, tmp_path / "start")
    out, exported, recipe = tmp_path / "mine", tmp_path / "exported", tmp_path / "recipe.toml"
    recipe.write_text(MINIMAL.format(kind, start))
    ran = attnasr(
        "train", recipe, "-o", out, "--train", data / "all.tsv", "--dev", data / "all.tsv",
        "--device", "cpu", "--dtype", "float32", "--workers", "1", "--cache", tmp_path / "cache",
        *[word for change in QUICK for word in ("--set", change)],
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "learns to write de" in ran.err
    model = models.load(out)
    assert model.header.languages == ("de",)
    old = dict(models.load(start).net.named_buffers())
    for name, buffer in model.net.named_buffers():  # statistics stay as they were
        assert torch.equal(buffer, old[name]), name
    for name, text in TEXTS.items():
        ran = attnasr("transcribe", "-m", out, "--no-vad", data / f"{name}.wav")
        assert (ran.code, ran.out.split()) == (0, text.split()), ran.err

    assert attnasr("models", "export", out, exported).code == 0
    theirs = reference.from_pretrained(exported).eval()
    samples = torch.from_numpy(soundfile.read(data / "one.wav", dtype="float32")[0])
    features = NemoMel(16, DITHER if KINDS[kind].dither else 0.0).extract(samples)[None]
    begins = model.tokenizer.prompt("de", "de", True, space_first=KINDS[kind].space_first)
    prompt = torch.tensor([begins])
    written = theirs.generate(
        input_features=features, attention_mask=torch.ones(features.shape[:2]),
        decoder_input_ids=prompt, max_new_tokens=20,
    )  # fmt: skip
    vocabulary = transformers.AutoTokenizer.from_pretrained(exported)
    [text] = vocabulary.batch_decode(written, skip_special_tokens=True)
    assert text.split() == TEXTS["one"].split()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("init.keep_tokenizer=false", "keep_tokenizer = false"),
        ("config.width=64", "[config] is set"),
        ("features.bins=40", "[features] is set"),
        ("text.kind=char", "[text] kind, vocab or lexicon is set"),
        ("loss.ctc=0.3", "no CTC head"),
        ("data.max_s=41", "trained on 40 s"),
        ("decoding.beams=3", "[decoding] is set"),
        ("languages=['tr']", "no token for tr"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    tmp_path: Path, pair: Any, change: str, message: str
) -> None:
    path = tmp_path / "minimal.toml"
    path.write_text(MINIMAL.format("canary", "canary-1b-v2"))
    recipe = read_recipe(path, [change])
    with pytest.raises(UsageError) as problem:  # noqa: PT012 - by the one or by the other
        check_recipe(recipe, CANARY)
        fit_recipe(recipe, pair("canary")[1])
    assert message in problem.value.message
