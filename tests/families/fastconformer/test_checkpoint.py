"""Loading and saving, the tokenizer, and what is said of files that are damaged or missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from attnasr_cli.errors import ModelError
from attnasr_cli.families.fastconformer.checkpoint import load_model, save_hf
from attnasr_cli.families.fastconformer.tokenizer import PromptTokenizer
from tests.families.fastconformer.conftest import (
    CANARY,
    COHERE,
    ENCODER,
    KINDS,
    TEXTS,
    config_class,
    random_reference,
    save_folder,
    write_tokenizer,
)

LOW = {torch.float32: torch.bfloat16}


@pytest.fixture
def broken(pair: Any, tmp_path: Path) -> Any:
    """name of a kind → a copy of a model folder that a test may break."""
    return lambda name: shutil.copytree(pair(name)[2], tmp_path / "broken")


def test_the_tokenizer_is_the_references(transformers: ModuleType, tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path / "tokenizer.json")
    ours = PromptTokenizer.from_bytes(path.read_bytes())
    theirs = transformers.TokenizersBackend(tokenizer_file=str(path))
    for text in (*TEXTS, "", " ", "a  b   c", "<|en|> <pad>"):
        tokens = ours.encode(text)
        assert tokens == theirs.encode(text, add_special_tokens=False)
        marked = [4, *tokens, 3]
        assert ours.decode(marked) == theirs.decode(marked, skip_special_tokens=True)
    for text in TEXTS[:4]:
        tokens = ours.encode(text)
        parts = ours.characters(tokens)
        assert "".join(part for part, _ in parts).strip() == ours.decode(tokens).strip()
        assert [i for _, rows in parts for i in rows] == list(range(len(tokens)))
    assert set(CANARY.languages) | set(COHERE.languages) == ours.languages


@pytest.mark.parametrize("kind", ["canary", "cohere"])
def test_saved_it_is_a_folder_that_the_reference_loads(
    pair: Any, transformers: ModuleType, tmp_path: Path, kind: str
) -> None:
    reference, model, _ = pair(kind)
    save_hf(tmp_path / "again", model)
    cls = getattr(transformers, config_class(KINDS[kind]))
    again, loading = cls.from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not any(loading[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    for name, tensor in reference.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(again.state_dict()[name], tensor), name
    text = transformers.AutoTokenizer.from_pretrained(tmp_path / "again")
    assert text.encode(TEXTS[0], add_special_tokens=False) == model.tokenizer.encode(TEXTS[0])
    extractor = transformers.AutoFeatureExtractor.from_pretrained(tmp_path / "again")
    assert extractor.feature_size == ENCODER["num_mel_bins"]
    twice = load_model(KINDS[kind], tmp_path / "again", "x")
    assert twice.header.languages == model.header.languages
    assert twice.header.config == model.header.config


def test_what_is_in_16_bits_stays_so_and_shards_are_read(pair: Any, broken: Any) -> None:
    _, model, _ = pair("canary")
    folder = broken("canary")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    halves = {"a.safetensors": names[:40], "b.safetensors": names[40:]}
    for file, part in halves.items():
        low = {
            n: weights[n].bfloat16() if weights[n].is_floating_point() else weights[n] for n in part
        }
        save_file(low, folder / file)
    index = {"weight_map": {name: file for file, part in halves.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    again = load_model(CANARY, folder, "x").net
    for name, tensor in model.net.state_dict().items():
        found = again.state_dict()[name]
        assert torch.equal(found.float(), tensor.bfloat16().float()), name
        assert found.dtype == (torch.bfloat16 if tensor.ndim > 1 else torch.float32), name
    (folder / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks 1 of 2 shards: b\.safetensors"):
        load_model(CANARY, folder, "x")


@pytest.mark.parametrize(
    ("where", "changes", "message"),
    [
        ("", {"vocab_size": None}, "vocab_size is None"),
        ("", {"eos_token_id": None}, "lacks the field 'eos_token_id'"),
        ("", {"eos_token_id": 9}, "the end is 3, in config.json 9"),
        ("", {"encoder_config": None}, "lacks the field 'encoder_config'"),
        ("", {"adapters": 4}, "unknown field 'adapters'"),
        (
            "encoder_config",
            {"num_mel_bins": None},
            r"lacks the field 'encoder_config\.num_mel_bins'",
        ),
        ("encoder_config", {"chunk": 4}, r"unknown field 'encoder_config\.chunk'"),
        ("encoder_config", {"hidden_act": "relu"}, r"encoder_config\.hidden_act is 'relu'"),
        ("encoder_config", {"subsampling_conv_stride": 3}, "subsampling_conv_stride is 3"),
        ("encoder_config", {"conv_kernel_size": 8}, "kernel must be odd"),
        ("encoder_config", {"num_mel_bins": 20}, "20 bins are not a multiple"),
        ("encoder_config", {"hidden_size": 34}, "4 heads do not divide"),
        ("encoder_config", {"num_hidden_layers": 3}, "lacks the weight model.encoder.layers.2"),
        ("encoder_config", {"num_hidden_layers": 1}, "unknown weight model.encoder.layers.1"),
        ("decoder_config", {"num_key_value_heads": 2}, "num_key_value_heads is 2"),
        ("decoder_config", {"head_dim": 16}, "head_dim is 16"),
        ("decoder_config", {"hidden_size": 64, "head_dim": 16}, "nothing stands between"),
        ("decoder_config", {"intermediate_size": 40}, r"mlp\.fc1\.weight is \(48, 32\), not"),
    ],
)
def test_configurations_that_do_not_fit_are_named(
    broken: Any, where: str, changes: dict[str, Any], message: str
) -> None:
    folder = broken("canary")
    table = json.loads((folder / "config.json").read_text())
    inner = table[where] if where else table
    for name, value in changes.items():
        inner[name] = value
        if value is None:
            del inner[name]
    (folder / "config.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=message) as problem:
        load_model(CANARY, folder, "x")
    assert problem.value.hint
    assert "\n" not in problem.value.message


def test_the_form_that_cohere_published_is_read(pair: Any, broken: Any) -> None:
    """NeMo's words in the configuration, and its names of weights, with and without ``model.``."""
    _, model, _ = pair("cohere")
    folder = broken("cohere")
    weights = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
    bare["preprocessor.featurizer.window"] = torch.zeros(400)
    save_file(bare, folder / "model.safetensors")
    table = {
        "model_type": "cohere_asr",
        "vocab_size": model.net.config.vocab,
        "eos_token_id": model.tokenizer.eos,
        "encoder": {
            "feat_in": 16, "d_model": 32, "ff_expansion_factor": 1.5, "n_heads": 4, "n_layers": 2,
            "conv_kernel_size": 9, "subsampling_factor": 8, "subsampling_conv_channels": 8,
            "subsampling": "dw_striding", "self_attention_model": "rel_pos",
        },
        "transf_decoder": {"config_dict": {
            "hidden_size": 24, "inner_size": 48, "num_attention_heads": 4, "num_layers": 3,
            "max_sequence_length": 40, "hidden_act": "relu", "pre_ln": True,
        }},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(table))
    again = load_model(COHERE, folder, "x")
    assert again.net.config == model.net.config
    for name, tensor in model.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[name], tensor), name
    table["encoder"]["conv_norm_type"] = "layer_norm"
    (folder / "config.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=r"encoder\.conv_norm_type is 'layer_norm'"):
        load_model(COHERE, folder, "x")


def test_files_that_are_missing_or_damaged_are_named(broken: Any, tmp_path: Path) -> None:
    folder = broken("canary")
    other = write_tokenizer(tmp_path / "other.json", 190)
    with pytest.raises(ModelError, match="190 tokens, but the weights have 200"):
        load_model(CANARY, folder, "x", tokenizer=other)
    table = json.loads((folder / "tokenizer.json").read_text())
    table["added_tokens"] = [t for t in table["added_tokens"] if t["content"] != "<|pnc|>"]
    table["model"]["vocab"]["<|pncx|>"] = table["model"]["vocab"].pop("<|pnc|>")
    other.write_text(json.dumps(table))
    with pytest.raises(ModelError, match=r"no token <\|pnc\|>"):
        load_model(CANARY, folder, "x", tokenizer=other)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelError, match="damaged"):
        load_model(CANARY, folder, "x")
    weights.unlink()
    with pytest.raises(ModelError, match="has no weights"):
        load_model(CANARY, folder, "x")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer file"):
        load_model(CANARY, folder, "x")


def test_languages_are_those_of_the_card_or_of_the_kind(
    transformers: ModuleType, tmp_path: Path, pair: Any
) -> None:
    assert pair("canary")[1].header.languages == CANARY.languages
    assert pair("cohere")[1].header.languages == COHERE.languages
    reference = random_reference(transformers, CANARY)
    folder = save_folder(reference, tmp_path / "two", ("en", "de", "xx"))
    assert load_model(CANARY, folder, "x").header.languages == ("en", "de")
