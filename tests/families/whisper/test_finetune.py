"""``attnasr train`` from Whisper's weights, through the real command line."""

from __future__ import annotations

import json
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
from attnasr_cli.families.recipe.sections import LossConfig
from attnasr_cli.families.whisper.checkpoint import load_whisper
from attnasr_cli.families.whisper.features import log_mel
from attnasr_cli.families.whisper.finetune import fit_recipe, whisper_targets
from attnasr_cli.families.whisper.tokenizer_file import read_vocabulary
from attnasr_cli.families.whisper.vocabulary import find_ranks
from attnasr_cli.scoring.api import score
from attnasr_cli.training.loss import losses
from attnasr_cli.training.recipes.read import read_recipe
from tests.families.whisper.conftest import SMALL as TINY
from tests.families.whisper.conftest import save_pt

TEXTS = {"one": "Yes, two.", "two": "No"}
MINIMAL = 'name = "mine"\nnet = "whisper"\n[init]\nmodel = "{}"\n'
SMALL = [
    "data.max_s=3", "data.speeds=[1.0]", "augment.frequency_masks=0", "augment.time_masks_per_s=0",
    "optim.rate=6e-3", "optim.average=0.5", "optim.warmup=5", "batch.alone=1",
]  # fmt: skip


def save_random(transformers: ModuleType, folder: Path, vocab: int) -> Path:
    """A net of 32 channels and windows of 3 s, written by transformers."""
    torch.manual_seed(1)
    layers = {f"{side}_layers": 2 for side in ("encoder", "decoder")}
    heads = {f"{side}_attention_heads": 2 for side in ("encoder", "decoder")}
    inner = {f"{side}_ffn_dim": 128 for side in ("encoder", "decoder")}
    config = transformers.WhisperConfig(
        vocab_size=vocab, d_model=32, max_source_positions=150, max_target_positions=40,
        num_mel_bins=80, **layers, **heads, **inner,
    )  # fmt: skip
    transformers.WhisperForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def start(
    openai: ModuleType, transformers: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A multilingual model folder."""
    folder = save_random(transformers, tmp_path_factory.mktemp("whisper") / "start", 51865)
    ranks = find_ranks(51865)
    assert ranks is not None
    (folder / "tokenizer.json").write_bytes(read_vocabulary(ranks, 51865).to_bytes())
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of about a second: a low and a high tone."""
    folder = tmp_path_factory.mktemp("data")
    rows = ["id\tpath\ttext"]
    for i, (name, text) in enumerate(TEXTS.items()):
        time = np.arange(14_000 + 3000 * i) / 16_000
        tone = 0.3 * np.sin(time * (1500 + 6000 * i)) * np.hanning(len(time))
        soundfile.write(folder / f"{name}.wav", tone, 16_000)
        rows.append(f"{name}\t{name}.wav\t{text}")
    (folder / "all.tsv").write_text("\n".join(rows) + "\n")
    return folder


Train = Callable[..., Any]


@pytest.fixture
def train(start: Path, data: Path, tmp_path: Path, attnasr: Callable[..., Any]) -> Train:
    """``train(out, "optim.updates=3", …)`` runs the minimal recipe with these changes."""

    def run(out: Path, *changes: str) -> Any:
        recipe = tmp_path / "recipe.toml"
        recipe.write_text(MINIMAL.format(start))
        options = [word for change in [*SMALL, *changes] for word in ("--set", change)]
        return attnasr(
            "train", recipe, "-o", out, "--train", data / "all.tsv", "--dev", data / "all.tsv",
            "--device", "cpu", "--dtype", "float32", "--workers", "1", "--cache", data / "cache",
            *options,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def recipe_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """What is read of a minimal recipe with these changes."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(MINIMAL.format("whisper-tiny"))
    return lambda *changes: read_recipe(path, changes)


def test_utterances_that_share_a_window_are_learnt_too(train: Train, tmp_path: Path) -> None:
    out = tmp_path / "packed"
    ran = train(
        out, "batch.alone=0", "batch.seconds=3", "optim.updates=30", "optim.fall=0.2",
        "run.evaluate=30",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    log = [json.loads(line) for line in (out / "train" / "log.jsonl").read_text().splitlines()]
    (last,) = [entry for entry in log if entry["kind"] == "train"][-1:]
    assert last["attention"] < 8  # nats a token, since the last note or the start; a guess is 10.9
    state = torch.load(out / "train" / "state.pt", weights_only=True)
    seen_s = state["progress"]["hours"] * 3600
    assert seen_s == pytest.approx(30 * (14_000 + 17_000) / 16_000, rel=0.02)


def test_two_utterances_are_learnt_and_the_result_is_a_model_everywhere(
    start: Path, data: Path, tmp_path: Path, train: Train, attnasr: Callable[..., Any],
    recipe_of: Callable[..., Any], transformers: ModuleType,
) -> None:  # fmt: skip
    out, exported = tmp_path / "mine", tmp_path / "exported"
    ran = train(out, "optim.updates=50", "optim.fall=0.2", "run.evaluate=50")
    assert ran.code == 0, ran.err
    assert "dev WER 0.00%" in ran.out
    assert "learns to write en" in ran.err
    model = models.load(out)
    assert model.header.text.normalizer == "none"
    assert model.header.languages == ("en",)
    assert model.header.origin["dev_wer"] == 0.0

    plain = LossConfig(ctc=0.0, smoothing=0.0)

    def loss(net: Any) -> float:
        targets = whisper_targets(
            fit_recipe(recipe_of("data.max_s=3"), model), net, model.tokenizer
        )
        rows = [log_mel(sound(data / f"{n}.wav"), model.features.bins) for n in TEXTS]
        tokens = [targets.encode(text) for text in TEXTS.values()]
        found = losses(net, *pad(rows), tokens, targets.prompt, targets.eos, plain)
        return float(found.total.detach())

    assert loss(load_whisper(start).net.eval()) > 5
    assert loss(model.net) < 0.5

    ran = attnasr("transcribe", "-m", out, "--no-vad", "--no-timestamps", "--language", "en",
                  "--temperature", "0", data / "one.wav")  # fmt: skip
    assert (ran.code, ran.out.strip()) == (0, TEXTS["one"]), ran.err
    ran = attnasr("score", data / "all.tsv", "--model", out, "--normalizer", "lower")
    assert ran.code == 0, ran.err

    assert attnasr("models", "export", out, exported).code == 0
    theirs = transformers.WhisperForConditionalGeneration.from_pretrained(exported).eval()
    assert theirs.generation_config.decoder_start_token_id == model.tokenizer.bos
    vocabulary = transformers.WhisperTokenizer.from_pretrained(exported)
    features, lengths = pad([log_mel(sound(data / "one.wav"), model.features.bins)], 300)
    prompt = [50258, 50259, 50359, 50363]
    tokens = torch.tensor([[*prompt, *vocabulary.encode(" Yes", add_special_tokens=False)]])
    with torch.inference_mode():
        wanted = theirs(input_features=features.transpose(1, 2), decoder_input_ids=tokens).logits
        found = model.net(features, lengths, tokens)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
        written = theirs.generate(
            features.transpose(1, 2), language="en", task="transcribe", max_new_tokens=20
        )
    assert vocabulary.batch_decode(written, skip_special_tokens=True)[0].strip() == TEXTS["one"]


def sound(path: Path) -> torch.Tensor:
    samples, _ = soundfile.read(path, dtype="float32")
    return torch.from_numpy(samples)


def test_a_pt_brings_its_vocabulary_in_a_file(
    openai: ModuleType, pair: Callable[..., Any], tmp_path: Path, train: Train,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    reference, _ = pair(TINY)
    file = save_pt(reference, tmp_path / "x.pt")
    ranks = find_ranks(51865)
    assert ranks is not None
    (tmp_path / "words.tiktoken").write_bytes(ranks.read_bytes())
    for name in ("find_ranks", "pull_tokenizer"):
        monkeypatch.setattr(f"attnasr_cli.families.whisper.checkpoint.{name}", lambda vocab: None)
    # random weights would write to the end of the window, at every temperature
    monkeypatch.setattr("attnasr_cli.training.best.evaluate", lambda *_: score("a", "b"))
    changes = (f"init.model={file}", "optim.updates=1")
    ran = train(tmp_path / "mine", *changes)
    assert ran.code == 1
    assert "tokenizer of [init]" in ran.err
    ran = train(tmp_path / "mine", *changes, "init.tokenizer=words.tiktoken")
    assert ran.code == 0, ran.err
    assert models.load(tmp_path / "mine").tokenizer.vocab_size == 51865


def test_a_run_that_is_continued_equals_an_unbroken_one(tmp_path: Path, train: Train) -> None:
    # The average, which is what is saved, moves every tenth update.
    masks = ["augment.frequency_masks=1", "augment.time_masks_per_s=2.0", "run.evaluate=10"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(whole, *masks, "optim.updates=20", "optim.fall=0.5").code == 0
    assert train(parts, *masks, "optim.updates=10", "optim.fall=0.0").code == 0
    first = (parts / "weights.safetensors").read_bytes()
    ran = train(parts, *masks, "optim.updates=20", "optim.fall=0.5")
    assert "going on from update 10" in ran.err
    assert (parts / "weights.safetensors").read_bytes() != first
    assert models.load(parts).header.weights == models.load(whole).header.weights
    log = [json.loads(line) for line in (parts / "train" / "log.jsonl").read_text().splitlines()]
    assert all(entry["ctc"] == 0 for entry in log if entry["kind"] == "train")


def test_a_fine_tuned_model_is_one_to_start_from(tmp_path: Path, train: Train) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(first, "optim.updates=10").code == 0
    again = [f"init.model={first}", "optim.updates=0", "languages=['german']"]
    assert train(second, *again).code == 0
    one, two = models.load(first), models.load(second)
    assert two.header.languages == ("de",)
    assert two.header.weights == one.header.weights


BAD = {
    "another net": (
        ["net=conformer"],
        "is a whisper, the recipe wants a conformer",
    ),
    "sizes": (["config.width=64"], "[config] is set for Whisper"),
    "features": (["features.bins=128"], "[features] is set for Whisper"),
    "another tokenizer": (["init.keep_tokenizer=false"], "keep_tokenizer = false"),
    "pieces": (["text.vocab=300"], "[text] kind, vocab or lexicon is set"),
    "search": (["decoding.beams=3"], "[decoding] is set"),
    "no such head": (["loss.ctc=0.3"], "no CTC head"),
    "a language that it lacks": (["languages=['yue']"], "does not know the language 'yue'"),
    "no language": (["languages=['klingon']"], "unknown language 'klingon'"),
    "longer than a window": (["data.max_s=4"], "the net sees 3 s at once"),
    "all too short": (["data.min_s=2"], "shorter than data.min_s = 2 s"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_recipes_are_one_line_and_a_hint(case: str, tmp_path: Path, train: Train) -> None:
    changes, message = BAD[case]
    ran = train(tmp_path / "out", *changes)
    assert ran.code in (1, 2)
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out" / "model.toml").exists()


def test_whisper_from_nothing_is_refused(
    tmp_path: Path, data: Path, attnasr: Callable[..., Any]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('name = "mine"\nnet = "whisper"\n')
    ran = attnasr("train", recipe, "-o", tmp_path / "out", "--train", data, "--dev", data)
    assert (ran.code, "without [init]" in ran.err) == (2, True)


def test_english_only_weights_have_a_shorter_prompt(
    openai: ModuleType, transformers: ModuleType, tmp_path: Path, recipe_of: Callable[..., Any]
) -> None:
    ranks = find_ranks(51864)
    assert ranks is not None
    folder = save_random(transformers, tmp_path / "some.en", 51864)
    (folder / "tokenizer.json").write_bytes(read_vocabulary(ranks, 51864).to_bytes())
    model = load_whisper(folder)
    recipe = fit_recipe(recipe_of("data.max_s=3", "languages=['English']"), model)
    assert recipe.languages == ("en",)
    tokenizer: Any = model.tokenizer
    targets = whisper_targets(recipe, model.net, tokenizer)
    assert targets.prompt == (tokenizer.sot, tokenizer.no_timestamps)
    assert targets.encode("So it is.") == tokenizer.encode(" So it is.")
    with pytest.raises(UsageError, match="knows English only"):
        fit_recipe(recipe_of("data.max_s=3", "languages=['de']"), model)


def test_defaults_are_whispers_only_where_the_recipe_is_silent(
    recipe_of: Callable[..., Any],
) -> None:
    assert recipe_of().text.normalizer == "none"
    assert recipe_of().optim.rate == 1e-5
    assert recipe_of("text.normalizer=lower", "optim.rate=2e-5").text.normalizer == "lower"
    assert recipe_of("optim.rate=2e-5").optim.rate == 2e-5
    assert recipe_of("net=las").text.normalizer == "lower"
