"""The border to Moonshine's published weights: Hugging Face folders, in and out.

``config.json``, ``model.safetensors`` (or its sharded index) and ``tokenizer.json`` become a
``Model`` like any other.
"""

from __future__ import annotations

from pathlib import Path

import torch

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import SCHEMA, DecodingConfig, Header, Model, Text, Weights
from attnasr_cli.checkpoint.json_table import read_json
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.folder import (
    languages_of,
    read_tokenizer,
    write_card,
    write_tables,
)
from attnasr_cli.families.common.weights import SAFETENSORS, Names, fill, save
from attnasr_cli.families.moonshine.net import Moonshine, MoonshineConfig
from attnasr_cli.families.moonshine.published import PUBLISHED
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from attnasr_cli.families.moonshine.weight_names import (
    TIED,
    config_from_hf,
    config_to_hf,
    special_from_hf,
    to_hf,
)

FEATURES = FeatureConfig(style="moonshine", bins=HOP, normalize="none")
DECODING = DecodingConfig(beams=1, ctc_weight=0.0)
NAMES = Names("Moonshine", to_hf, lambda name: name == TIED)


def load_moonshine(path: Path, name: str, tokenizer: Path | None = None) -> Model:
    """Load a folder on the CPU, in float32 and evaluation mode, to be called ``name``.

    tokenizer: a file to use in place of the model's own. Raises ModelError with the next step where
    a part is missing, damaged or of another model.
    """
    table = read_json(path / "config.json")
    try:
        config, (start, end) = config_from_hf(table), special_from_hf(table)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem.message}", problem.hint) from None
    text = read_tokenizer(
        MoonshineTokenizer,
        tokenizer or path / MoonshineTokenizer.file_name,
        config.vocab,
        {"bos": ("start", start), "eos": ("end", end)},
    )
    header = Header(
        schema=SCHEMA,
        name=name,
        net=Moonshine.name,
        config=to_table(config),
        features=FEATURES,
        text=Text(MoonshineTokenizer.file_name),
        weights=Weights(SAFETENSORS, ""),
        decoding=DECODING,
        languages=languages_of(path, name, PUBLISHED),
        origin={"path": str(path)},
    )
    return Model(header, _net(path, config), text, path)


def read_net(path: Path) -> Moonshine:
    """The net of a folder alone. Raises ModelError."""
    return _net(path, config_from_hf(read_json(path / "config.json")))


def _net(path: Path, config: MoonshineConfig) -> Moonshine:
    with torch.device("meta"):
        net = Moonshine(config)
    fill(net, path, NAMES)
    return net


def parts_of(model: Model) -> tuple[Moonshine, MoonshineTokenizer]:
    """Net and tokenizer of a model. Raises ModelError where one is of another family."""
    net, tokenizer = model.net, model.tokenizer
    if not isinstance(net, Moonshine) or not isinstance(tokenizer, MoonshineTokenizer):
        raise ModelError(
            f"model {model.header.name} has Moonshine's features but not its net or tokenizer",
            "take net, features and tokenizer from one model",
        )
    return net, tokenizer


def save_hf(path: Path, model: Model) -> None:
    """Write a folder that transformers loads as it is, with a card that names the language."""
    net, tokenizer = parts_of(model)
    path.mkdir(parents=True, exist_ok=True)
    save(net, path, NAMES)
    (path / tokenizer.file_name).write_bytes(tokenizer.to_bytes())
    config = config_to_hf(net.config, tokenizer.bos, tokenizer.eos)
    special = {k: config[k] for k in config if k.endswith("_token_id")}
    write_tables(
        path,
        {
            "config.json": config,
            "generation_config.json": {**special, "max_length": net.config.text_context},
            "preprocessor_config.json": _PREPROCESSOR,
            "tokenizer_config.json": _TOKENIZER_CONFIG,
        },
    )
    write_card(path, model.header.name, model.header.languages)


_PREPROCESSOR = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "processor_class": "Wav2Vec2Processor",
    "feature_size": 1,
    "sampling_rate": SAMPLE_RATE_HZ,
    "do_normalize": False,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
}
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "processor_class": "Wav2Vec2Processor",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "</s>",
    "unk_token": "<unk>",
}
