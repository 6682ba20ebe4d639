"""Reads and writes Whisper's published weights; the only module that knows all their formats.

A transformers folder (``config.json``, ``model.safetensors`` or its sharded index,
``tokenizer.json``, ``generation_config.json``), an OpenAI ``.pt``, a CTranslate2 folder or a file
of whisper.cpp becomes a ``Model`` like any other; ``save_hf`` writes the first of these back.
Nothing is ever unpickled with code.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import SCHEMA, DecodingConfig, Header, Model, Text, Weights
from attnasr_cli.checkpoint.hub import pull_file
from attnasr_cli.checkpoint.json_table import read_json
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import ModelError, reason
from attnasr_cli.families.common.hollow import hollow
from attnasr_cli.families.whisper.ctranslate2 import read_ctranslate2, vocabulary_of
from attnasr_cli.families.whisper.formats import is_ctranslate2, is_ggml
from attnasr_cli.families.whisper.ggml import read_ggml
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.families.whisper.published import PUBLISHED, VOCABULARIES
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.families.whisper.tokenizer_file import checked, read_vocabulary
from attnasr_cli.families.whisper.vocabulary import find_ranks
from attnasr_cli.families.whisper.weight_names import (
    HF_TIED,
    config_from_hf,
    config_from_openai,
    config_to_hf,
    to_hf,
)

SAFETENSORS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def load_whisper(path: Path, tokenizer: Path | None = None, name: str = "") -> Model:
    """Load a folder or a file on the CPU, in float32 and evaluation mode.

    tokenizer: a vocabulary file to use in place of the model's own; a ``.pt`` has none. name: of
    the model, by default that of its folder or file. Raises ModelError with the next step where a
    part is missing, damaged or of another model.
    """
    text: WhisperTokenizer | None = None
    vocabulary = tokenizer
    if is_ggml(path):
        config, weights, pieces = read_ggml(path)
        if tokenizer is None:
            text = checked(WhisperTokenizer.of(pieces, config.vocab), config.vocab, path)
    elif is_ctranslate2(path):
        config, weights = read_ctranslate2(path)
        vocabulary = tokenizer or vocabulary_of(path)
    elif path.is_dir():
        config, weights = _read_hf(path)
        vocabulary = tokenizer or path / "tokenizer.json"
        if tokenizer is None and not vocabulary.is_file():
            raise ModelError(f"{path} has no tokenizer.json", "copy it, or give --tokenizer FILE")
    else:
        config, weights = _read_openai(path)
        vocabulary = tokenizer or find_ranks(config.vocab) or pull_tokenizer(config.vocab)
        if vocabulary is None:
            raise ModelError(
                f"{path} has no vocabulary in it",
                "give --tokenizer FILE (tokenizer.json or .tiktoken; in a recipe tokenizer of "
                "[init]), or install openai-whisper, or connect to the hub for its copy",
            )
    if vocabulary is not None:
        text = read_vocabulary(vocabulary, config.vocab)
    assert text is not None
    name = name or (path.stem if path.is_file() else path.name)
    return Model(_header(path, name, config, text), _net(path, config, weights), text, path)


def pull_tokenizer(vocab: int) -> Path | None:
    """Download the vocabulary of a published model with ``vocab`` tokens; None if that is not
    possible."""
    if vocab not in VOCABULARIES:
        return None
    try:
        return pull_file(PUBLISHED[VOCABULARIES[vocab]], "tokenizer.json")
    except ModelError:
        return None


def parts_of(model: Model) -> tuple[Whisper, WhisperTokenizer]:
    """Net and tokenizer of a model. Raises ModelError where one is of another family."""
    net, tokenizer = model.net, model.tokenizer
    if not isinstance(net, Whisper) or not isinstance(tokenizer, WhisperTokenizer):
        raise ModelError(
            f"model {model.header.name} has Whisper's features but not its net or tokenizer",
            "take net, features and tokenizer from one model",
        )
    return net, tokenizer


def _header(path: Path, name: str, config: WhisperConfig, tokenizer: WhisperTokenizer) -> Header:
    return Header(
        schema=SCHEMA,
        name=name,
        net=Whisper.name,
        config=to_table(config),
        features=FeatureConfig(style="whisper", bins=config.mels, normalize="none"),
        text=Text("tokenizer.json"),
        weights=Weights(SAFETENSORS, ""),
        decoding=DecodingConfig(beams=5, ctc_weight=0.0),
        languages=tuple(tokenizer.languages) or ("en",),
        origin={"path": str(path)},
    )


def _net(path: Path, config: WhisperConfig, weights: dict[str, Tensor]) -> Whisper:
    """A net that takes these weights without allocating its own first."""
    with hollow():
        net = Whisper(config)
    for name, wanted in net.state_dict().items():
        if name not in weights:
            raise ModelError(f"{path} lacks the weight {name}", "copy the model again")
        if weights[name].shape != wanted.shape:
            raise ModelError(
                f"{path}: {name} is {tuple(weights[name].shape)}, not {tuple(wanted.shape)}",
                "weights and configuration do not belong together",
            )
    unknown = sorted(set(weights) - set(net.state_dict()))
    if unknown:
        raise ModelError(f"{path} has an unknown weight {unknown[0]}", "not a Whisper model")
    net.load_state_dict({k: v.float() for k, v in weights.items()}, assign=True)
    return net.eval().requires_grad_(True)


def _read_openai(path: Path) -> tuple[WhisperConfig, dict[str, Tensor]]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path} holds more than weights, and running code from it is refused",
            "take the file from its publisher, or a folder with model.safetensors",
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as problem:
        raise ModelError(f"damaged {path}: {reason(problem)}", "copy it again") from None
    if not isinstance(content, dict) or not {"dims", "model_state_dict"} <= set(content):
        raise ModelError(
            f"{path} is not a Whisper checkpoint of OpenAI", "it has no dims and model_state_dict"
        )
    try:
        config = config_from_openai(content["dims"], path.stem)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem.message}", problem.hint) from None
    except (KeyError, TypeError) as problem:
        raise ModelError(f"{path}: dims lack {problem}", "not a Whisper model") from None
    return config, content["model_state_dict"]


def _read_hf(path: Path) -> tuple[WhisperConfig, dict[str, Tensor]]:
    config_file, generation_file = path / "config.json", path / "generation_config.json"
    generation = read_json(generation_file) if generation_file.is_file() else {}
    try:
        config = config_from_hf(read_json(config_file), generation)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem.message}", problem.hint) from None
    except (KeyError, TypeError, ValueError) as problem:
        raise ModelError(f"damaged {config_file}: {problem}", "copy the folder again") from None
    found: dict[str, Tensor] = {}
    for file in _weight_files(path):
        try:
            found |= load_file(file)
        except SafetensorError as problem:
            raise ModelError(f"damaged {file}: {problem}", "copy it again") from None
    found.pop(HF_TIED, None)
    with hollow():
        names = {to_hf(name): name for name in Whisper(config).state_dict()}
    return config, {names.get(name, name): tensor for name, tensor in found.items()}


def _weight_files(path: Path) -> list[Path]:
    single, index = path / SAFETENSORS, path / INDEX
    if single.is_file():
        return [single]
    if not index.is_file():
        hint = "copy the file model.safetensors into it"
        if (path / "pytorch_model.bin").is_file():
            hint = "pytorch_model.bin is not read; save the model again as safetensors"
        raise ModelError(f"{path} has no weights: neither {SAFETENSORS} nor {INDEX}", hint)
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict):
        raise ModelError(f"damaged {index}: no weight_map", "copy it again")
    shards = sorted({str(name) for name in table.values()})
    missing = [name for name in shards if not (path / name).is_file()]
    if missing:
        raise ModelError(
            f"{path} lacks {len(missing)} of {len(shards)} shards: {', '.join(missing)}",
            "copy them too",
        )
    return [path / name for name in shards]


def save_hf(path: Path, net: Whisper, tokenizer: WhisperTokenizer) -> None:
    """Write a folder that transformers (and what converts from it) loads as it is."""
    path.mkdir(parents=True, exist_ok=True)
    config = net.config
    weights = {
        to_hf(name): tensor.detach().cpu().float().contiguous()
        for name, tensor in net.state_dict().items()
    }
    save_file(weights, path / SAFETENSORS, metadata={"format": "pt"})
    (path / tokenizer.file_name).write_bytes(tokenizer.to_bytes())
    for name, table in (
        ("config.json", config_to_hf(config, tokenizer.eot)),
        ("generation_config.json", _generation(net, tokenizer)),
        ("preprocessor_config.json", _preprocessor(config)),
        ("tokenizer_config.json", _tokenizer_config(config)),
    ):
        (path / name).write_text(json.dumps(table, indent=2, ensure_ascii=False), encoding="utf-8")


def _generation(net: Whisper, tokenizer: WhisperTokenizer) -> dict[str, Any]:
    table: dict[str, Any] = {
        "alignment_heads": [list(pair) for pair in net.alignment_heads],
        "begin_suppress_tokens": tokenizer.blank,
        "bos_token_id": tokenizer.eot,
        "decoder_start_token_id": tokenizer.sot,
        "eos_token_id": tokenizer.eot,
        "is_multilingual": tokenizer.multilingual,
        "max_initial_timestamp_index": 50,
        "max_length": net.config.text_context,
        "no_timestamps_token_id": tokenizer.no_timestamps,
        "pad_token_id": tokenizer.eot,
        "prev_sot_token_id": tokenizer.sot_prev,
        "return_timestamps": False,
        "suppress_tokens": tokenizer.suppressed,
    }
    if tokenizer.multilingual:
        table["lang_to_id"] = {f"<|{code}|>": token for code, token in tokenizer.languages.items()}
        table["task_to_id"] = {name: tokenizer.task(name) for name in ("transcribe", "translate")}
    return table


def _preprocessor(config: WhisperConfig) -> dict[str, Any]:
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": config.mels,
        "sampling_rate": SAMPLE_RATE_HZ,
        "hop_length": 160,
        "n_fft": 400,
        "chunk_length": config.audio_context // 50,
        "n_samples": config.audio_context * 320,
        "nb_max_frames": config.window,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


def _tokenizer_config(config: WhisperConfig) -> dict[str, Any]:
    end = "<|endoftext|>"
    return {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "model_max_length": config.text_context * 2 + 128,
        "bos_token": end,
        "eos_token": end,
        "pad_token": end,
        "unk_token": end,
        "add_prefix_space": False,
    }
