"""Reads and writes the published weights, which are Hugging Face folders.

``config.json``, ``model.safetensors`` (or its sharded index) and ``tokenizer.json`` become a
``Model`` like any other. Matrices that a file has in 16 bits are kept so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ, WINDOW
from attnasr_cli.checkpoint.folder import SCHEMA, DecodingConfig, Header, Model, Text, Weights
from attnasr_cli.checkpoint.json_table import read_json
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.folder import (
    Fields,
    languages_of,
    read_tokenizer,
    write_card,
    write_tables,
)
from attnasr_cli.families.common.hollow import hollow
from attnasr_cli.families.common.weights import SAFETENSORS, Names, fill, their_weights
from attnasr_cli.families.fastconformer.config import TOKENS, config_from_hf, config_to_hf
from attnasr_cli.families.fastconformer.features import DITHER, EMPHASIS, FFT
from attnasr_cli.families.fastconformer.net import FastConformer, FastConformerConfig
from attnasr_cli.families.fastconformer.published import KINDS, Kind
from attnasr_cli.families.fastconformer.tokenizer import CONTEXT, PromptTokenizer
from attnasr_cli.families.fastconformer.weight_names import COUNTER, FEATURES, TIED, aliases, to_hf
from attnasr_cli.nets import find_net
from attnasr_cli.text.tokenizer import SPACE

DECODING = DecodingConfig(beams=1, ctc_weight=0.0)
PAD = "<pad>"


def names_of(kind: Kind, tied: bool) -> Names:
    """The names of the weights of a kind in files."""

    def ignored(name: str) -> bool:
        spare = tied and name.removeprefix("model.") in TIED
        return spare or name.endswith(COUNTER) or FEATURES in name

    return Names(kind.title, to_hf, ignored, aliases)


def load_model(kind: Kind, path: Path, name: str, tokenizer: Path | None = None) -> Model:
    """Load a folder on the CPU, in evaluation mode, to be called ``name``.

    tokenizer: a file to use in place of the model's own. Raises ModelError with the next step where
    a part is missing, damaged or of another model.
    """
    table = read_json(path / "config.json")
    try:
        config = config_from_hf(table, kind)
        end = Fields(table, kind.title).number("eos_token_id")
    except ModelError as problem:
        raise ModelError(f"{path}: {problem.message}", problem.hint) from None
    file = tokenizer or path / PromptTokenizer.file_name
    text = read_tokenizer(PromptTokenizer, file, config.vocab, {"eos": ("end", end)})
    net = read_net(kind, path, config)
    languages = languages_of(path, name, kind.published) or kind.languages
    header = Header(
        schema=SCHEMA,
        name=name,
        net=kind.name,
        config=to_table(config),
        features=FeatureConfig(style=kind.name, bins=config.bins, normalize="utterance"),
        text=Text(PromptTokenizer.file_name),
        weights=Weights(SAFETENSORS, ""),
        decoding=DECODING,
        languages=tuple(code for code in languages if code in text.languages),
        origin={"path": str(path)},
    )
    return Model(header, net, text, path)


def read_net(kind: Kind, path: Path, config: FastConformerConfig) -> FastConformer:
    """The net of a folder alone. Raises ModelError."""
    with hollow():
        net = find_net(kind.name)(config)
    assert isinstance(net, FastConformer)
    fill(net, path, names_of(kind, config.tied), keep_low=True)
    return net


def parts_of(model: Model) -> tuple[Kind, FastConformer, PromptTokenizer]:
    """Kind, net and tokenizer of a model. Raises ModelError where one is of another family."""
    kind, net, tokenizer = KINDS[model.features.style], model.net, model.tokenizer
    fits = isinstance(net, FastConformer) and net.name == kind.name
    if not fits or not isinstance(tokenizer, PromptTokenizer):
        raise ModelError(
            f"model {model.header.name} has {kind.title}'s features but not its net or tokenizer",
            "take net, features and tokenizer from one model",
        )
    assert isinstance(net, FastConformer)
    return kind, net, tokenizer


def save_hf(path: Path, model: Model) -> None:
    """Write a folder that transformers loads as it is, with a card that names the languages."""
    kind, net, tokenizer = parts_of(model)
    path.mkdir(parents=True, exist_ok=True)
    weights = {}
    for name, tensor in their_weights(net, names_of(kind, net.config.tied)):
        if ".pointwise_conv" in name and name.endswith("weight"):
            tensor = tensor[..., None]  # a convolution of one frame
        weights[name] = tensor
        if name.endswith(".running_mean"):
            weights[name.replace(".running_mean", COUNTER)] = torch.tensor(0)
    save_file(weights, path / SAFETENSORS, metadata={"format": "pt"})
    (path / tokenizer.file_name).write_bytes(tokenizer.to_bytes())
    start = tokenizer.ids[SPACE if kind.space_first else CONTEXT]  # what a prompt begins with
    ids = (tokenizer.bos, tokenizer.eos, tokenizer.ids.get(PAD, tokenizer.eos), start)
    special = dict(zip(TOKENS, ids, strict=True))
    write_tables(
        path,
        {
            "config.json": config_to_hf(net.config, kind, special),
            "generation_config.json": {**special, "max_length": net.config.text_context},
            "preprocessor_config.json": _preprocessor(kind, net.config),
            "tokenizer_config.json": _tokenizer_config(kind),
        },
    )
    write_card(path, model.header.name, model.header.languages)


def _preprocessor(kind: Kind, config: FastConformerConfig) -> dict[str, Any]:
    own = "CohereAsrFeatureExtractor" if kind.dither else "ParakeetFeatureExtractor"
    more = {"dither": DITHER, "max_audio_clip_s": kind.longest_s} if kind.dither else {}
    return {
        "feature_extractor_type": own,
        "processor_class": _processor(kind),
        "feature_size": config.bins,
        "sampling_rate": SAMPLE_RATE_HZ,
        "hop_length": HOP,
        "n_fft": FFT,
        "win_length": WINDOW,
        "preemphasis": EMPHASIS,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": True,
        **more,
    }


def _tokenizer_config(kind: Kind) -> dict[str, Any]:
    return {
        "tokenizer_class": "TokenizersBackend",
        "processor_class": _processor(kind),
        "clean_up_tokenization_spaces": False,
        "bos_token": PromptTokenizer.START,
        "eos_token": PromptTokenizer.END,
        "pad_token": PAD,
        "unk_token": "<unk>",
    }


def _processor(kind: Kind) -> str:
    return "CohereAsrProcessor" if kind.dither else "CanaryProcessor"
