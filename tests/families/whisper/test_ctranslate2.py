"""Folders of CTranslate2, in every type that its converter writes, and damaged ones."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from attnasr_cli.errors import ModelError
from attnasr_cli.families import models
from attnasr_cli.families.whisper.checkpoint import load_whisper
from attnasr_cli.families.whisper.ctranslate2 import _theirs, read_ctranslate2
from attnasr_cli.families.whisper.family import FAMILY
from tests.families.whisper.conftest import ENGLISH, SMALL
from tests.families.whisper.ctranslate2_writer import (
    ALIAS,
    quantize,
    to_bytes,
    variables,
    write_folder,
)

KINDS = ["float32", "float16", "bfloat16", "int8", "int8_float16", "int16"]
HALF_STEP = {"float16": 2**-11, "bfloat16": 2**-8, "int8_float16": 2**-11}
"""of what is not quantised, relative"""


@pytest.fixture(scope="module")
def folder(pair, tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("ct2") / "mine", pair(SMALL)[1])


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_gives_the_weights_back(pair, tmp_path, kind):
    _, model = pair(SMALL)
    found = load_whisper(write_folder(tmp_path / "mine", model, kind)).net.state_dict()
    wanted = model.net.state_dict()
    assert found.keys() == wanted.keys()
    fused = variables(model.net)
    for name, weight in wanted.items():
        assert found[name].dtype == torch.float32
        matrix = weight.ndim > 1 and "positional" not in name
        step = HALF_STEP.get(kind, 0) * weight.abs() + 1e-7  # half precision is coarser near zero
        if matrix and kind.startswith("int8"):
            rows = weight.flatten(1).abs().amax(1) / 127 / 2
            step = rows.view(-1, *[1] * (weight.ndim - 1)) * 1.001
        elif matrix and kind == "int16":
            step = fused[_theirs(name)[0]].abs().max() / 2**10 / 2 * 1.001
        assert ((found[name] - weight).abs() <= step).all(), name


def test_sizes_heads_and_name(folder, pair):
    model = load_whisper(folder)
    config = pair(SMALL)[1].net.config
    assert model.header.name == "mine"
    assert model.net.alignment_heads == ((1, 2), (2, 0))
    changed = {**vars(model.net.config), "alignment_heads": config.alignment_heads}
    assert changed == vars(config)


@pytest.mark.parametrize("dims", [SMALL, ENGLISH])
@pytest.mark.parametrize("file", ["tokenizer.json", "vocabulary.json", "vocabulary.txt"])
def test_each_vocabulary_file_is_enough(pair, tmp_path, dims, file):
    _, model = pair(dims)
    path = write_folder(tmp_path / "mine", model)
    for other in {"tokenizer.json", "vocabulary.json", "vocabulary.txt"} - {file}:
        (path / other).unlink()
    ours, wanted = load_whisper(path).tokenizer, model.tokenizer
    for text in ("Hello, world!", " Übergrößenträger 中文", "I'll [laugh] ♪♪"):
        assert ours.encode(text) == wanted.encode(text)
        assert ours.decode(ours.encode(text)) == text
    assert ours.languages == wanted.languages
    assert ours.suppressed == wanted.suppressed
    stamped = [ours.timestamp_begin + 54]
    assert ours.decode_with_timestamps(stamped) == "<|1.08|>"
    assert ours.decode(stamped) == ""


def test_it_is_recognised_without_torch(folder):
    code = (
        "import sys, pathlib\n"
        "from attnasr_cli.families.whisper.family import FAMILY\n"
        f"assert FAMILY.claims(pathlib.Path({str(folder)!r}))\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_variable_that_is_equal_to_another_is_an_alias(pair, folder, tmp_path):
    _, model = pair(SMALL)
    path = write_folder(tmp_path / "mine", model)
    found = quantize(variables(model.net), "int8")
    first, second = (f"decoder/layer_{i}/ffn/linear_0/weight" for i in (0, 1))
    for name in (second, f"{second}_scale"):
        del found[name]
    (path / "model.bin").write_bytes(to_bytes(found, {**ALIAS, second: first}))
    net = load_whisper(path).net
    blocks = net.decoder.blocks
    assert torch.equal(blocks[1].mlp[0].weight, blocks[0].mlp[0].weight)
    torch.testing.assert_close(
        blocks[0].mlp[0].weight, model.net.decoder.blocks[0].mlp[0].weight, rtol=0, atol=0.05
    )


def drop(name):
    return lambda found: found.pop(name)


def put(name, value):
    return lambda found: found.update({name: value})


@pytest.mark.parametrize(
    ("change", "head", "message"),
    [
        (None, {"version": 7}, "version 7 of CTranslate2's format"),
        (None, {"revision": 4}, "revision 4"),
        (None, {"spec": "TransformerSpec"}, "is a TransformerSpec"),
        (drop("decoder/layer_1/ffn/linear_0/weight"), {}, "lacks the weight"),
        (drop("decoder/num_heads"), {}, "lacks the weight decoder/num_heads"),
        (drop("encoder/conv1/weight"), {}, "lacks the weight encoder/conv1/weight"),
        (put("encoder/conv1/weight", torch.zeros(64, 80)), {}, r"has the shape \(64, 80\)"),
        (put("decoder/layer_0/ffn/linear_0/bias", torch.zeros(9)), {}, r"is \(9,\), not \(256,\)"),
        (put("decoder/adapter/weight", torch.zeros(9)), {}, "unknown weight decoder/adapter"),
        (put("decoder/activation", torch.tensor(0, dtype=torch.int8)), {}, "not GELU"),
        (put("decoder/projection/weight", torch.zeros(51865, 64)), {}, "output layer of its own"),
        (
            put("decoder/embeddings/weight", torch.zeros(51865, 64, dtype=torch.int8)),
            {},
            "int8 without a scale",
        ),
        (
            put("decoder/layer_0/ffn/linear_0/weight", torch.zeros(256, 64, dtype=torch.int32)),
            {},
            "int32 without a scale",
        ),
    ],
)
def test_another_model_is_refused(pair, folder, tmp_path, change, head, message):
    path = write_folder(tmp_path / "mine", pair(SMALL)[1])
    found = variables(pair(SMALL)[1].net)
    if change:
        change(found)
    alias = {} if "decoder/projection/weight" in found else ALIAS
    if "decoder/embeddings/weight" not in found:
        alias = {}
    (path / "model.bin").write_bytes(to_bytes(found, alias, **head))
    with pytest.raises(ModelError, match=message) as caught:
        load_whisper(path) if not head else read_ctranslate2(path)
    assert caught.value.hint
    assert str(path) in caught.value.message


def test_scales_of_another_number_of_rows(pair, tmp_path):
    path = write_folder(tmp_path / "mine", pair(SMALL)[1])
    found = quantize(variables(pair(SMALL)[1].net), "int8")
    found["decoder/layer_0/ffn/linear_0/weight_scale"] = torch.ones(7)
    (path / "model.bin").write_bytes(to_bytes(found))
    with pytest.raises(ModelError, match=r"weight_scale is \(7,\) for 256 rows"):
        load_whisper(path)


def test_an_unknown_quantisation_is_named(folder, tmp_path):
    data = (folder / "model.bin").read_bytes()
    name = b"decoder/embeddings/weight\0"
    kind = data.index(name) + len(name) + 1 + 2 * 4  # behind the number of axes and the axes
    (tmp_path / "model.bin").write_bytes(data[:kind] + b"\x09" + data[kind + 1 :])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"decoder/embeddings/weight is quantised .*type 9"):
        load_whisper(tmp_path)


@pytest.mark.parametrize("part", [0.0001, 0.3, 0.999999])
def test_a_file_that_ends_too_early(folder, tmp_path, part):
    data = (folder / "model.bin").read_bytes()
    (tmp_path / "model.bin").write_bytes(data[: int(len(data) * part)])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"damaged .*model\.bin: it ends at byte") as caught:
        load_whisper(tmp_path)
    assert caught.value.hint


def test_broken_tables_beside_the_weights(pair, tmp_path):
    path = write_folder(tmp_path / "mine", pair(SMALL)[1])
    (path / "config.json").write_text('{"alignment_heads": [[1], 2]}')
    with pytest.raises(ModelError, match="alignment_heads are not pairs"):
        load_whisper(path)
    (path / "config.json").write_text("{}")
    assert len(load_whisper(path).net.alignment_heads) == 8  # all heads of the upper half
    for name in ("tokenizer.json", "vocabulary.json", "vocabulary.txt"):
        (path / name).unlink()
    with pytest.raises(ModelError, match="has no vocabulary"):
        load_whisper(path)


def test_ctranslate2_folders_of_other_models_are_not_claimed(folder, tmp_path):
    (tmp_path / "model.bin").write_bytes(to_bytes({}, {}, spec="Wav2Vec2Spec"))
    (tmp_path / "config.json").write_text("{}")
    assert not FAMILY.claims(tmp_path)
    with pytest.raises(ModelError, match="a CTranslate2 model of Wav2Vec2: a CTC model"):
        models.load(tmp_path)
