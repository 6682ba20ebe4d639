"""Reads folders of CTranslate2, as faster-whisper uses them.

``model.bin`` holds the weights and sizes; ``config.json`` the heads that follow the audio;
``tokenizer.json``, ``vocabulary.json`` or ``vocabulary.txt`` the vocabulary. Queries, keys and
values of a layer lie in one variable, and each is read straight out of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.checkpoint.json_table import read_json
from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.hollow import hollow
from attnasr_cli.families.whisper.binary.ctranslate2 import Variables, open_variables
from attnasr_cli.families.whisper.formats import CTRANSLATE2_WEIGHTS
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.families.whisper.weight_names import known_heads

VOCABULARIES = ("tokenizer.json", "vocabulary.json", "vocabulary.txt")
GELU = 3
"""the number of the activation"""
EMBEDDING = "decoder/embeddings/weight"
READOUT = "decoder/projection/weight"
"""the output layer, an alias of the embedding"""

# Our name of a module in a layer → theirs, which part of its rows is meant, and of how many.
_LAYER = {
    "attn.query": ("self_attention/linear_0", 0, 3),
    "attn.key": ("self_attention/linear_0", 1, 3),
    "attn.value": ("self_attention/linear_0", 2, 3),
    "attn.out": ("self_attention/linear_1", 0, 1),
    "attn_ln": ("self_attention/layer_norm", 0, 1),
    "cross_attn.query": ("attention/linear_0", 0, 1),
    "cross_attn.key": ("attention/linear_1", 0, 2),
    "cross_attn.value": ("attention/linear_1", 1, 2),
    "cross_attn.out": ("attention/linear_2", 0, 1),
    "cross_attn_ln": ("attention/layer_norm", 0, 1),
    "mlp.0": ("ffn/linear_0", 0, 1),
    "mlp.2": ("ffn/linear_1", 0, 1),
    "mlp_ln": ("ffn/layer_norm", 0, 1),
}
_ELSEWHERE = {
    "encoder.positional_embedding": "encoder/position_encodings/encodings",
    "decoder.positional_embedding": "decoder/position_encodings/encodings",
    "decoder.token_embedding.weight": EMBEDDING,
    "encoder.ln_post.weight": "encoder/layer_norm/gamma",
    "encoder.ln_post.bias": "encoder/layer_norm/beta",
    "decoder.ln.weight": "decoder/layer_norm/gamma",
    "decoder.ln.bias": "decoder/layer_norm/beta",
}


def read_ctranslate2(path: Path) -> tuple[WhisperConfig, dict[str, Tensor]]:
    """Sizes, and weights in float32 by our names, of a folder. Raises ModelError."""
    table = read_json(path / "config.json") if (path / "config.json").is_file() else {}
    with open_variables(path / CTRANSLATE2_WEIGHTS) as variables:
        config = _config(variables, table, path)
        with hollow():
            wanted = Whisper(config).state_dict()
        _refuse_others(variables, {_theirs(name)[0] for name in wanted})
        return config, {name: _weight(variables, name, wanted[name].shape) for name in wanted}


def vocabulary_of(path: Path) -> Path:
    """The best vocabulary file of a folder. Raises ModelError where there is none."""
    for name in VOCABULARIES:
        if (path / name).is_file():
            return path / name
    raise ModelError(
        f"{path} has no vocabulary: none of {', '.join(VOCABULARIES)}",
        "copy it, or give --tokenizer FILE",
    )


def _config(variables: Variables, table: dict[str, Any], path: Path) -> WhisperConfig:
    """The sizes, which are those of the variables."""
    width, mels, _ = _shape(variables, "encoder/conv1/weight", 3)
    for side in ("encoder", "decoder"):
        name = f"{side}/activation"
        if name in variables and variables.scalar(name) != GELU:
            raise ModelError(f"{variables.path}: {name} is not GELU", "not a Whisper net")
    audio_heads, heads = (variables.scalar(f"{s}/num_heads") for s in ("encoder", "decoder"))
    if min(audio_heads, heads) < 1 or width % audio_heads or width % heads:
        raise ModelError(
            f"{variables.path}: {audio_heads} and {heads} heads for a width of {width}",
            "not a Whisper net",
        )
    layers = _layers(variables, "decoder")
    try:
        follow = tuple((int(n), int(head)) for n, head in table.get("alignment_heads") or ())
    except (TypeError, ValueError):
        raise ModelError(
            f"damaged {path / 'config.json'}: alignment_heads are not pairs", "copy it again"
        ) from None
    return WhisperConfig(
        mels=mels,
        width=width,
        audio_heads=audio_heads,
        audio_layers=_layers(variables, "encoder"),
        text_heads=heads,
        text_layers=layers,
        vocab=_shape(variables, EMBEDDING, 2)[0],
        audio_context=_shape(variables, _ELSEWHERE["encoder.positional_embedding"], 2)[0],
        text_context=_shape(variables, _ELSEWHERE["decoder.positional_embedding"], 2)[0],
        alignment_heads=follow or known_heads(path.name, layers, heads),
    )


def _shape(variables: Variables, name: str, dims: int) -> tuple[int, ...]:
    shape = variables.find(name).shape
    if len(shape) != dims:
        raise ModelError(f"{variables.path}: {name} has the shape {shape}", "not a Whisper net")
    return shape


def _layers(variables: Variables, side: str) -> int:
    numbers = [re.match(rf"{side}/layer_(\d+)/", name) for name in variables]
    return len({found.group(1) for found in numbers if found})


def _theirs(name: str) -> tuple[str, int, int]:
    """Our name of a weight → theirs, which part of its rows, and of how many."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name], 0, 1
    module, _, kind = name.rpartition(".")
    found = re.fullmatch(r"(\w+)\.blocks\.(\d+)\.(.+)", module)
    if found is None:  # the convolutions
        return f"{module.replace('.', '/')}/{kind}", 0, 1
    side, layer, inner = found.groups()
    if inner.endswith("_ln"):
        kind = {"weight": "gamma", "bias": "beta"}[kind]
    target, part, parts = _LAYER[inner]
    return f"{side}/layer_{layer}/{target}/{kind}", part, parts


def _weight(variables: Variables, name: str, shape: torch.Size) -> Tensor:
    """One weight of ours."""
    theirs, part, parts = _theirs(name)
    whole = (parts * shape[0], *shape[1:])
    if (stored := variables.find(theirs).shape) != whole:
        raise ModelError(
            f"{variables.path}: {theirs} is {stored}, not {whole}", "not a Whisper net"
        )
    return variables.rows(theirs, part * shape[0], tuple(shape))


def _refuse_others(variables: Variables, used: set[str]) -> None:
    """Raise ModelError where the file holds something that our net has no place for."""
    if READOUT in variables and not variables.same(READOUT, EMBEDDING):
        raise ModelError(
            f"{variables.path} has an output layer of its own",
            "in a Whisper net it is the token embedding",
        )
    for name in variables:
        known = name.removesuffix("_scale") in used | {READOUT}
        if not known and variables.find(name).shape:
            raise ModelError(f"{variables.path} has an unknown weight {name}", "not a Whisper net")
