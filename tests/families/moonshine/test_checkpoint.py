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
from attnasr_cli.families.common.folder import card_languages
from attnasr_cli.families.moonshine.checkpoint import load_moonshine, save_hf
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from tests.families.moonshine.conftest import (
    SMALL,
    STREAMING,
    STREAMING_TIED,
    TEXTS,
    WINDOWS,
    heard,
    noise,
    write_tokenizer,
)


@pytest.fixture
def broken(pair: Any, tmp_path: Path) -> Path:
    """A copy of a model folder that a test may break."""
    return shutil.copytree(pair(SMALL)[2], tmp_path / "broken")


def test_the_tokenizer_is_the_references(transformers: ModuleType, tmp_path: Path) -> None:
    path = write_tokenizer(tmp_path / "tokenizer.json", 320)
    ours = MoonshineTokenizer.from_bytes(path.read_bytes())
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path))
    for text in (*TEXTS, "", " ", "abc中文 xyz", "عربي 123"):
        tokens = ours.encode(text)
        assert tokens == theirs.encode(text, add_special_tokens=False)
        marked = [1, *tokens, 2]
        assert ours.decode(marked) == theirs.decode(marked, skip_special_tokens=True)
        stretches = ours.characters(marked)
        assert "".join(part for part, _ in stretches).removeprefix(" ") == ours.decode(marked)
        assert [i for _, rows in stretches for i in rows] == list(range(1, len(tokens) + 1))
    assert ours.vocab_size == 320
    broken_bytes = ours.encode("中")[1:-1]  # a part of a character
    assert ours.decode(broken_bytes) == "".join(t for t, _ in ours.characters(broken_bytes))


@pytest.mark.parametrize("sizes", [SMALL, STREAMING, STREAMING_TIED])
def test_saved_it_is_a_folder_that_the_reference_loads(
    pair: Any, transformers: ModuleType, tmp_path: Path, sizes: dict[str, Any]
) -> None:
    reference, model, _ = pair(sizes)
    save_hf(tmp_path / "again", model)
    again = type(reference).from_pretrained(tmp_path / "again")
    for name, tensor in reference.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    given = heard(reference, noise(1, 1.0))
    with torch.inference_mode():
        wanted = reference(**given, decoder_input_ids=torch.tensor([[1, 5]])).logits
        found = again.eval()(**given, decoder_input_ids=torch.tensor([[1, 5]])).logits
    assert torch.equal(found, wanted)
    loaded = load_moonshine(tmp_path / "again", "x")
    assert (loaded.header.languages, loaded.net.config) == (("en",), model.net.config)
    processor = transformers.AutoProcessor.from_pretrained(tmp_path / "again")
    assert type(processor).__name__.startswith(
        "MoonshineStreaming" if "encoder_config" in sizes else "Wav2Vec2"
    )


def test_weights_in_half_precision_and_in_shards_are_read(pair: Any, broken: Path) -> None:
    _, model, _ = pair(SMALL)
    weights = load_file(broken / "model.safetensors")
    (broken / "model.safetensors").unlink()
    names = sorted(weights)
    halves = {"a.safetensors": names[:20], "b.safetensors": names[20:]}
    for file, part in halves.items():
        save_file({name: weights[name].bfloat16() for name in part}, broken / file)
    index = {"weight_map": {name: file for file, part in halves.items() for name in part}}
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    again = load_moonshine(broken, "x")
    for name, tensor in model.net.state_dict().items():
        assert torch.equal(again.net.state_dict()[name], tensor.bfloat16().float()), name
    (broken / "b.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks 1 of 2 shards: b\.safetensors"):
        load_moonshine(broken, "x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": None}, "lacks the field 'vocab_size'"),
        ({"eos_token_id": None}, "lacks the field 'eos_token_id'"),
        ({"rope_parameters": None}, "lacks the field 'partial_rotary_factor'"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters"),
        ({"sliding_window": [16, 4]}, "unknown field 'sliding_window'"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"decoder_num_key_value_heads": 2}, "decoder_num_key_value_heads is 2"),
        ({"hidden_size": "wide"}, "hidden_size is 'wide'"),
        ({"hidden_size": 50}, "4 heads do not divide"),
        ({"eos_token_id": 7}, "the end is 2, in config.json 7"),
        ({"intermediate_size": 95}, r"mlp\.fc1\.weight is \(96, 48\), not \(95, 48\)"),
        ({"encoder_num_hidden_layers": 3}, "lacks the weight model.encoder.layers.2"),
        ({"encoder_num_hidden_layers": 1}, "unknown weight model.encoder.layers.1"),
    ],
)
def test_configurations_that_do_not_fit_are_named(
    broken: Path, changes: dict[str, Any], message: str
) -> None:
    table = json.loads((broken / "config.json").read_text()) | changes
    table = {name: value for name, value in table.items() if value is not None}
    (broken / "config.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=message) as problem:
        load_moonshine(broken, "x")
    assert problem.value.hint
    assert "\n" not in problem.value.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": None}, "lacks the field 'vocab_size'"),
        ({"encoder_config": None}, "lacks the field 'encoder_config'"),
        ({"rope_parameters": None}, "lacks the field 'rope_parameters'"),
        ({"num_experts": 4}, "unknown field 'num_experts'"),
        ({"num_key_value_heads": 2}, "num_key_value_heads is 2"),
        ({"head_dim": 6}, r"q_proj\.weight is \(40, 48\), not \(24, 48\)"),
        ({"head_dim": 9}, "rotated is 7"),
        ({"encoder_config.mel_bins": 80}, "unknown field 'encoder_config.mel_bins'"),
        ({"encoder_config.hidden_size": None}, "lacks the field 'encoder_config.hidden_size'"),
        ({"encoder_config.frame_ms": 10.0}, "encoder_config.frame_ms is 10.0"),
        ({"encoder_config.sliding_windows": WINDOWS[1:]}, "encoder_config.sliding_windows is"),
        ({"encoder_config.sliding_windows": [[0, 0]] * 3}, "windows is"),
        ({"encoder_config.num_attention_heads": 0}, "num_key_value_heads is 4"),
    ],
)
def test_streaming_configurations_that_do_not_fit_are_named(
    pair: Any, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = shutil.copytree(pair(STREAMING)[2], tmp_path / "broken")
    table = json.loads((folder / "config.json").read_text())
    for name, value in changes.items():
        inside, key = (table, name) if "." not in name else (table["encoder_config"], name[15:])
        inside[key] = value
        if value is None:
            del inside[key]
    (folder / "config.json").write_text(json.dumps(table))
    with pytest.raises(ModelError, match=message) as problem:
        load_moonshine(folder, "x")
    assert problem.value.hint
    assert "\n" not in problem.value.message


def test_the_older_names_of_rotary_fields_are_read(pair: Any, broken: Path) -> None:
    table = json.loads((broken / "config.json").read_text())
    table |= {"rope_parameters": None, "partial_rotary_factor": 0.9, "rope_theta": 10000.0}
    (broken / "config.json").write_text(json.dumps(table | {"rope_scaling": None}))
    assert load_moonshine(broken, "x").net.config == pair(SMALL)[1].net.config


def test_files_that_are_missing_or_damaged_are_named(broken: Path, tmp_path: Path) -> None:
    other = write_tokenizer(tmp_path / "other.json", 310)
    with pytest.raises(ModelError, match="310 tokens, but the weights have 300"):
        load_moonshine(broken, "x", tokenizer=other)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelError, match="damaged"):
        load_moonshine(broken, "x")
    weights.unlink()
    with pytest.raises(ModelError, match="has no weights"):
        load_moonshine(broken, "x")
    (broken / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="damaged tokenizer file"):
        load_moonshine(broken, "x")
    (broken / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer file"):
        load_moonshine(broken, "x")


def test_the_language_is_read_from_the_card_or_the_published_name(broken: Path) -> None:
    assert load_moonshine(broken, "moonshine-tiny-ko").header.languages == ("en",)
    (broken / "README.md").unlink()
    assert load_moonshine(broken, "x").header.languages == ()
    assert load_moonshine(broken, "moonshine-tiny-ko").header.languages == ("ko",)
    assert load_moonshine(broken, "UsefulSensors/moonshine-base@main").header.languages == ("en",)
    assert card_languages("---\nlanguage: [ar, 'en']\n---\n") == ("ar", "en")
    assert card_languages("# no front matter\nlanguage: de\n") == ()
