"""Reads and writes Moonshine's published weights, which are Hugging Face folders.

``config.json``, ``model.safetensors`` (or its sharded index) and ``tokenizer.json`` become a
``Model`` like any other. There are two nets, Moonshine and Moonshine Streaming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from attnasr_cli.families.common.hollow import hollow
from attnasr_cli.families.common.weights import SAFETENSORS, Names, fill, save
from attnasr_cli.families.moonshine import weight_names
from attnasr_cli.families.moonshine.net import Moonshine, SampleNet
from attnasr_cli.families.moonshine.published import PUBLISHED
from attnasr_cli.families.moonshine.streaming import weight_names as streaming_names
from attnasr_cli.families.moonshine.streaming.net import MoonshineStreaming
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from attnasr_cli.families.moonshine.weight_names import TIED, special_from_hf

FEATURES = FeatureConfig(style="moonshine", bins=HOP, normalize="none")
DECODING = DecodingConfig(beams=1, ctc_weight=0.0)


@dataclass(frozen=True)
class Border:
    """Names of one of the nets, its weights and sizes in files."""

    title: str
    """as messages call it"""
    net: Callable[[Any], SampleNet]
    to_hf: Callable[[str], list[str]]
    config_from_hf: Callable[[Mapping[str, Any]], Any]
    config_to_hf: Callable[[Any, int, int], dict[str, Any]]
    processor: str

    def names(self, config: Any) -> Names:
        """Of its weights; a net without an output layer of its own has the embedding twice."""
        tied = getattr(config, "tied", True)
        return Names(self.title, self.to_hf, lambda name: tied and name == TIED)


MOONSHINE = Border(
    "Moonshine",
    Moonshine,
    weight_names.to_hf,
    weight_names.config_from_hf,
    weight_names.config_to_hf,
    "Wav2Vec2Processor",
)
STREAMING = Border(
    streaming_names.TITLE,
    MoonshineStreaming,
    streaming_names.to_hf,
    streaming_names.config_from_hf,
    streaming_names.config_to_hf,
    "MoonshineStreamingProcessor",
)


def border_of(table: Mapping[str, Any]) -> Border:
    """The net for the ``model_type`` of a ``config.json``."""
    return STREAMING if table.get("model_type") == streaming_names.MODEL_TYPE else MOONSHINE


def load_moonshine(path: Path, name: str, tokenizer: Path | None = None) -> Model:
    """Load a folder on the CPU, in float32 and evaluation mode, to be called ``name``.

    tokenizer: a file to use in place of the model's own. Raises ModelError with the next step where
    a part is missing, damaged or of another model.
    """
    table = read_json(path / "config.json")
    border = border_of(table)
    try:
        config, (start, end) = border.config_from_hf(table), special_from_hf(table)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem.message}", problem.hint) from None
    text = read_tokenizer(
        MoonshineTokenizer,
        tokenizer or path / MoonshineTokenizer.file_name,
        config.vocab,
        {"bos": ("start", start), "eos": ("end", end)},
    )
    net = _net(path, border, config)
    header = Header(
        schema=SCHEMA,
        name=name,
        net=net.name,
        config=to_table(config),
        features=FEATURES,
        text=Text(MoonshineTokenizer.file_name),
        weights=Weights(SAFETENSORS, ""),
        decoding=DECODING,
        languages=languages_of(path, name, PUBLISHED),
        origin={"path": str(path)},
    )
    return Model(header, net, text, path)


def read_net(path: Path) -> SampleNet:
    """The net of a folder alone. Raises ModelError."""
    table = read_json(path / "config.json")
    border = border_of(table)
    return _net(path, border, border.config_from_hf(table))


def _net(path: Path, border: Border, config: Any) -> SampleNet:
    with hollow():
        net = border.net(config)
    fill(net, path, border.names(config))
    return net


def parts_of(model: Model) -> tuple[SampleNet, MoonshineTokenizer]:
    """Net and tokenizer of a model. Raises ModelError where one is of another family."""
    net, tokenizer = model.net, model.tokenizer
    if not isinstance(net, SampleNet) or not isinstance(tokenizer, MoonshineTokenizer):
        raise ModelError(
            f"model {model.header.name} has Moonshine's features but not its net or tokenizer",
            "take net, features and tokenizer from one model",
        )
    return net, tokenizer


def save_hf(path: Path, model: Model) -> None:
    """Write a folder that transformers loads as it is, with a card that names the language."""
    net, tokenizer = parts_of(model)
    path.mkdir(parents=True, exist_ok=True)
    border = STREAMING if isinstance(net, MoonshineStreaming) else MOONSHINE
    save(net, path, border.names(net.config))
    (path / tokenizer.file_name).write_bytes(tokenizer.to_bytes())
    config = border.config_to_hf(net.config, tokenizer.bos, tokenizer.eos)
    special = {k: config[k] for k in config if k.endswith("_token_id")}
    write_tables(
        path,
        {
            "config.json": config,
            "generation_config.json": {**special, "max_length": net.config.text_context},
            "preprocessor_config.json": _PREPROCESSOR | {"processor_class": border.processor},
            "tokenizer_config.json": _TOKENIZER_CONFIG | {"processor_class": border.processor},
        },
    )
    write_card(path, model.header.name, model.header.languages)


_PREPROCESSOR = {
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "sampling_rate": SAMPLE_RATE_HZ,
    "do_normalize": False,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": True,
}
_TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "</s>",
    "unk_token": "<unk>",
}
