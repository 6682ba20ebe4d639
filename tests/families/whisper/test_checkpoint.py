"""Loading and saving, and what is said of files that are damaged, missing or of something else."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from attnasr_cli.errors import ModelError
from attnasr_cli.families.whisper.checkpoint import load_whisper, save_hf
from attnasr_cli.families.whisper.family import FAMILY
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.families.whisper.tokenizer_file import read_vocabulary
from attnasr_cli.families.whisper.vocabulary import find_ranks
from tests.families.whisper.conftest import ENGLISH, SMALL, WIDE_MEL, random_reference, save_pt

TEXTS = [
    "Hello, world! It's 3.14 o'clock.", "  Übergrößenträger  straße", "中文测试，没有空格。",
    "日本語のテキスト", "Привет, мир", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก",
    "emoji 😀👩‍👩‍👧 ♪♪", "tabs\t\nand  spaces   ", "Ça va? L'été", "<|endoftext|>", " ", "",
    "a\u0301 ﬁ \u200b x", "ქართული", "Tiếng Việt", "한국어 텍스트",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(pair, tmp_path_factory):
    """A Hugging Face folder with random weights."""
    _, model = pair(SMALL)
    path = tmp_path_factory.mktemp("hf") / "some-whisper"
    save_hf(path, model.net, model.tokenizer)
    return path


@pytest.fixture
def broken(folder, tmp_path):
    """A copy that a test may break."""
    return shutil.copytree(folder, tmp_path / "broken")


def rewrite(path, **changes):
    table = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in table.items() if v is not None}))


@pytest.mark.parametrize("vocab", [51864, 51865, 51866])
def test_tokenizer_round_trip_is_the_references(openai, vocab):
    ours = read_vocabulary(find_ranks(vocab), vocab)
    multilingual = vocab > 51864
    theirs = openai.tokenizer.get_tokenizer(
        multilingual, num_languages=vocab - 51765 - int(multilingual)
    )
    for text in TEXTS:
        tokens = theirs.encode(text, disallowed_special=())
        assert ours.encode(text) == tokens
        assert ours.decode(tokens) == text
    stamped = [*ours.encode(" So"), ours.timestamp_begin + 54]
    assert ours.decode(stamped) == " So"
    assert ours.decode_with_timestamps(stamped) == theirs.decode_with_timestamps(stamped)
    assert tuple(ours.non_speech) == theirs.non_speech_tokens
    for name in ("eot", "sot", "sot_prev", "sot_lm", "no_speech", "no_timestamps"):
        assert getattr(ours, name) == getattr(theirs, name)
    if multilingual:
        codes = dict(zip(theirs.all_language_codes, theirs.all_language_tokens, strict=True))
        assert ours.languages == codes
        assert len(codes) == (100 if vocab == 51866 else 99)


def test_saved_tokenizer_is_the_same_to_the_tokenizers_library(openai, folder):
    from tokenizers import Tokenizer

    ours = read_vocabulary(folder / "tokenizer.json", 51865)
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for text in TEXTS:
        if "<|" not in text:
            assert theirs.encode(text).ids == ours.encode(text)


def test_folder_holds_what_the_file_held(pair, folder):
    _, model = pair(SMALL)
    again = load_whisper(folder)
    assert again.header.name == "some-whisper"
    assert again.features.style == "whisper"
    assert again.net.config == WhisperConfig(
        **{**vars(model.net.config), "alignment_heads": model.net.alignment_heads}
    )
    for name, weight in model.net.state_dict().items():
        torch.testing.assert_close(again.net.state_dict()[name], weight, rtol=0, atol=0)


def test_sharded_folder_and_half_precision(folder, broken):
    weights = load_file(broken / "model.safetensors")
    (broken / "model.safetensors").unlink()
    names = sorted(weights)
    halves = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in halves.items():
        save_file({name: weights[name].half().contiguous() for name in part}, broken / file)
    index = {"weight_map": {name: file for file, part in halves.items() for name in part}}
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    whole, found = load_whisper(folder).net.state_dict(), load_whisper(broken).net.state_dict()
    for name, weight in whole.items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name], weight, rtol=1e-2, atol=1e-2)
    (broken / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks 1 of 2 shards: b\.safetensors"):
        load_whisper(broken)


def test_alignment_heads_come_from_the_name_or_the_folder(openai, tmp_path, broken):
    dims = SMALL | {"n_text_layer": 4, "n_text_head": 6, "n_text_state": 96, "n_audio_state": 96}
    reference = random_reference(openai, dims)
    known = load_whisper(save_pt(reference, tmp_path / "tiny.pt")).net
    assert known.alignment_heads == ((2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5))
    other = load_whisper(save_pt(reference, tmp_path / "mine.pt")).net
    assert len(other.alignment_heads) == 12  # all heads of the upper half
    rewrite(broken / "generation_config.json", alignment_heads=[[1, 2]])
    assert load_whisper(broken).net.alignment_heads == ((1, 2),)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code from a checkpoint was run",))


def test_code_in_a_pt_is_refused(tmp_path):
    for name, save in (
        ("zip.pt", torch.save),
        ("old.pt", lambda x, f: f.write_bytes(pickle.dumps(x))),
    ):
        file = tmp_path / name
        save({"dims": Bomb()}, file)
        with pytest.raises(ModelError, match=r"refused|damaged") as caught:
            load_whisper(file)
        assert caught.value.hint


def test_damaged_or_other_pt(tmp_path):
    file = tmp_path / "x.pt"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError):
        load_whisper(file)
    torch.save({"weights": torch.zeros(1)}, file)
    with pytest.raises(ModelError, match="not a Whisper checkpoint"):
        load_whisper(file)


def test_pt_without_a_vocabulary_names_three_ways(pair, openai, tmp_path, monkeypatch):
    from attnasr_cli.families.whisper import checkpoint as border

    reference, _ = pair(SMALL)
    file = save_pt(reference, tmp_path / "x.pt")
    ranks = find_ranks(51865)
    monkeypatch.setattr(border, "find_ranks", lambda vocab: None)
    monkeypatch.setattr(border, "pull_tokenizer", lambda vocab: None)
    with pytest.raises(ModelError, match="no vocabulary") as caught:
        load_whisper(file)
    for way in ("--tokenizer", "openai-whisper", "hub"):
        assert way in caught.value.hint
    assert load_whisper(file, ranks).tokenizer.size == 51865


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: rewrite(f / "config.json", model_type="wav2vec2"), "wav2vec2"),
        (lambda f: rewrite(f / "config.json", d_model=None), "lacks d_model"),
        (lambda f: rewrite(f / "config.json", d_model=128), "4 · d_model"),
        (lambda f: rewrite(f / "config.json", encoder_layers=1), "unknown weight"),
        (lambda f: rewrite(f / "config.json", encoder_layers=3), "lacks the weight"),
        (lambda f: rewrite(f / "config.json", num_mel_bins=128), r"\(64, 80, 3\), not"),
        (lambda f: (f / "config.json").write_text("{"), "damaged"),
        (lambda f: (f / "config.json").write_text("[]"), "not a table"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "not a Whisper vocabulary"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "model.safetensors").write_bytes(b"xx"), "damaged"),
    ],
)
def test_each_broken_part_is_named(broken, change, message):
    change(broken)
    with pytest.raises(ModelError, match=message) as caught:
        load_whisper(broken)
    assert caught.value.hint
    assert str(broken) in caught.value.message


def test_tokenizer_of_another_size(folder):
    other = folder.parent / "multilingual.tiktoken"
    lines = find_ranks(51865).read_text().splitlines()
    other.write_text("\n".join(lines[:-3]))
    with pytest.raises(ModelError, match="51862 tokens, but the weights have 51865"):
        load_whisper(folder, other)


def test_what_counts_as_whisper(folder, tmp_path):
    assert FAMILY.claims(folder)
    assert FAMILY.claims(tmp_path / "tiny.pt")
    assert not FAMILY.claims(tmp_path)


@pytest.mark.parametrize("dims", [ENGLISH, WIDE_MEL | SMALL | {"n_vocab": 51866, "n_mels": 128}])
def test_other_vocabularies_survive_the_folder(pair, tmp_path, dims):
    _, model = pair(dims)
    save_hf(tmp_path, model.net, model.tokenizer)
    again = load_whisper(tmp_path)
    assert isinstance(again.net, Whisper)
    assert again.tokenizer.multilingual == (dims["n_vocab"] > 51864)
    assert again.tokenizer.languages == model.tokenizer.languages
    assert again.tokenizer.suppressed == model.tokenizer.suppressed
