"""Files of whisper.cpp, in every number type that it writes, and damaged ones."""

from __future__ import annotations

import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from attnasr_cli.app import main
from attnasr_cli.errors import ModelError
from attnasr_cli.families import models
from attnasr_cli.families.whisper.binary.blocks import TYPES, dequantize
from attnasr_cli.families.whisper.checkpoint import load_whisper
from attnasr_cli.families.whisper.family import FAMILY
from attnasr_cli.families.whisper.ggml import read_ggml
from tests.families.whisper.conftest import ENGLISH, SMALL
from tests.families.whisper.ggml_writer import pack, step, to_bytes, write_file

BLOCKS = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"]
BY_NAME = {kind.name: kind for kind in TYPES.values()}
LAYER = ("decoder.blocks.0.",)


@pytest.fixture(scope="module")
def content(pair):
    return to_bytes(pair(SMALL)[1])


@pytest.fixture(scope="module")
def file(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("ggml") / "ggml-mine.bin"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", BLOCKS)
def test_blocks_are_within_a_step(kind):
    generator = np.random.default_rng(1)
    values = generator.normal(size=3200).astype(np.float32)
    values[:32], values[32:64] = 0, np.abs(values[32:64])  # all zero, and of one sign
    stored = torch.frombuffer(bytearray(pack(values, kind)), dtype=torch.uint8)
    found = dequantize(stored, BY_NAME[kind])
    wanted = torch.from_numpy(values)
    assert ((found - wanted).abs() <= step(wanted, kind)).all()
    assert (found[:32] == 0).all()


def test_one_block_of_each_kind_by_hand():
    """The published formulas, value by value."""
    nibbles = bytes((j * 7 + 3) % 256 for j in range(16))
    fifth, scale, minimum = 0b10110011_01010101_11110000_00001111, 0.5, -3.0
    low = [byte & 15 for byte in nibbles] + [byte >> 4 for byte in nibbles]
    high = [level + 16 * (fifth >> j & 1) for j, level in enumerate(low)]
    d, m, q = struct.pack("<e", scale), struct.pack("<e", minimum), struct.pack("<I", fifth)
    cases = {
        "q4_0": (d + nibbles, [(level - 8) * scale for level in low]),
        "q4_1": (d + m + nibbles, [level * scale + minimum for level in low]),
        "q5_0": (d + q + nibbles, [(level - 16) * scale for level in high]),
        "q5_1": (d + m + q + nibbles, [level * scale + minimum for level in high]),
        "q8_0": (
            d + bytes(range(240, 256)) + bytes(range(16)),
            [j * scale for j in range(-16, 16)],
        ),
    }
    for kind, (data, wanted) in cases.items():
        found = dequantize(torch.frombuffer(bytearray(data), dtype=torch.uint8), BY_NAME[kind])
        assert found.tolist() == wanted, kind


@pytest.mark.parametrize("kind", ["f32", "f16", *BLOCKS])
def test_every_type_gives_the_weights_back(pair, tmp_path, kind):
    _, model = pair(SMALL)
    only = LAYER if kind in BLOCKS else ()
    _, found, _ = read_ggml(write_file(tmp_path / "x.bin", model, kind, only=only))
    wanted = model.net.state_dict()
    assert found.keys() == wanted.keys()
    for name, weight in wanted.items():
        small = weight.ndim > 1 and "positional" not in name
        stored = (
            kind if small and (not only or name.startswith(LAYER)) else "f16" if small else "f32"
        )
        assert found[name].dtype == torch.float32
        assert ((found[name] - weight).abs() <= step(weight, stored)).all(), name


@pytest.mark.parametrize("dims", [SMALL, ENGLISH])
def test_the_vocabulary_comes_out_of_the_file(pair, tmp_path, dims):
    _, model = pair(dims)
    path = write_file(tmp_path / "ggml-mine.bin", model)
    loaded = load_whisper(path)
    ours, wanted = loaded.tokenizer, model.tokenizer
    for text in ("Hello, world!", " Übergrößenträger 中文", "I'll [laugh] ♪♪"):
        assert ours.encode(text) == wanted.encode(text)
        assert ours.decode(ours.encode(text)) == text
    assert ours.languages == wanted.languages
    assert ours.suppressed == wanted.suppressed
    for name in ("eot", "sot", "sot_prev", "no_speech", "no_timestamps", "size", "multilingual"):
        assert getattr(ours, name) == getattr(wanted, name)
    assert loaded.net.config == model.net.config
    assert loaded.header.name == "ggml-mine"


def test_heads_are_known_by_the_name(openai, pair, tmp_path):
    _, model = pair(SMALL | {"n_text_layer": 4, "n_text_head": 8})
    for name in ("ggml-tiny.en-q5_1.bin", "ggml-tiny.en.bin"):
        config, _, _ = read_ggml(write_file(tmp_path / name, model))
        assert config.alignment_heads[:2] == ((1, 0), (2, 0))
    assert read_ggml(write_file(tmp_path / "my.bin", model))[0].alignment_heads == ()


def test_it_is_recognised_without_torch(file):
    code = (
        "import sys, pathlib\n"
        "from attnasr_cli.families.whisper.family import FAMILY\n"
        f"assert FAMILY.claims(pathlib.Path({str(file)!r}))\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_wrong_magic_number_is_another_file(content, tmp_path):
    path = tmp_path / "ggml-mine.bin"
    path.write_bytes(b"GGUF" + content[4:])
    assert not FAMILY.claims(path)
    with pytest.raises(ModelError, match="does not start as a ggml file") as caught:
        models.load(path)
    assert "whisper" in caught.value.hint


@pytest.mark.parametrize("part", [0.0000001, 0.001, 0.03, 0.5, 0.9999999])
def test_a_file_that_ends_too_early(content, tmp_path, part):
    path = tmp_path / "x.bin"
    path.write_bytes(content[: max(8, int(len(content) * part))])
    with pytest.raises(ModelError, match=r"damaged .*x\.bin: it ends at byte") as caught:
        load_whisper(path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"n_mels": 0}, "n_mels is 0"),
        ({"n_mels": 128}, "filters for 80 mel bins of 128"),
        ({"n_audio_layer": 2_000_000_000}, "tensors for 2000000000 layers"),
        ({"n_audio_layer": 3}, "lacks the weight encoder.blocks.2"),
        ({"n_text_layer": 2}, "unknown weight decoder.blocks.2"),
        ({"n_text_state": 32}, "different widths"),
        ({"n_audio_head": 5}, "5 audio heads for a width of 64"),
        ({"n_text_ctx": 100}, r"decoder\.positional_embedding is \(448, 64\), not \(100, 64\)"),
        ({"type_number": 14}, r"quantised in an unknown way \(type 14\)"),
        ({"type_number": 77}, r"quantised in an unknown way \(type 77\)"),
        ({"pieces": 50000}, "50000 pieces of text for 51865 tokens"),
    ],
)
def test_another_model_is_refused(pair, tmp_path, head, message):
    path = write_file(tmp_path / "x.bin", pair(SMALL)[1], **head)
    with pytest.raises(ModelError, match=message) as caught:
        load_whisper(path)
    assert caught.value.hint
    assert str(path) in caught.value.message


def test_the_command_says_it_in_one_line(content, tmp_path, capsys):
    path = tmp_path / "ggml-mine.bin"
    path.write_bytes(content[:-1])
    soundfile.write(tmp_path / "a.wav", np.zeros(8000), 16_000)
    assert main(["transcribe", "-m", str(path), str(tmp_path / "a.wav")]) == 1
    said = capsys.readouterr()
    assert (said.out, "Traceback" in said.err) == ("", False)
    assert f"damaged {path}" in said.err.replace("\n", " ")


def test_blocks_of_another_version(pair, tmp_path):
    path = write_file(tmp_path / "x.bin", pair(SMALL)[1], "q4_0", only=LAYER, version=1)
    with pytest.raises(ModelError, match="q4_0 of version 1, not 2"):
        load_whisper(path)
