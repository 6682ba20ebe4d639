"""The border to Moonshine's published weights: Hugging Face folders, in and out.

``config.json``, ``model.safetensors`` (or its sharded index) and ``tokenizer.json`` become a
``Model`` like any other. Weights are read tensor by tensor from a memory map, so that a model is in
memory once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.audio.frames import HOP, SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import SCHEMA, DecodingConfig, Header, Model, Text, Weights
from attnasr_cli.checkpoint.tables import to_table
from attnasr_cli.errors import ModelError
from attnasr_cli.families.moonshine.net import Moonshine, MoonshineConfig
from attnasr_cli.families.moonshine.published import KNOWN
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from attnasr_cli.families.moonshine.weight_names import (
    TIED,
    config_from_hf,
    config_to_hf,
    special_from_hf,
    to_hf,
)

SAFETENSORS = "model.safetensors"
INDEX = "model.safetensors.index.json"
FEATURES = FeatureConfig(style="moonshine", bins=HOP, normalize="none")
DECODING = DecodingConfig(beams=1, ctc_weight=0.0)


def load_moonshine(path: Path, name: str, tokenizer: Path | None = None) -> Model:
    """Load a folder on the CPU, in float32 and evaluation mode, to be called ``name``.

    tokenizer: a file to use in place of the model's own. Raises ModelError with the next step where
    a part is missing, damaged or of another model.
    """
    table = _read_json(path / "config.json")
    try:
        config, special = config_from_hf(table), special_from_hf(table)
    except ModelError as problem:
        raise ModelError(f"{path}: {problem.message}", problem.hint) from None
    text = _read_tokenizer(tokenizer or path / MoonshineTokenizer.file_name, config, special)
    net = _net(path, config)
    languages = _languages(path, name)
    header = Header(
        schema=SCHEMA,
        name=name,
        net=Moonshine.name,
        config=to_table(config),
        features=FEATURES,
        text=Text(MoonshineTokenizer.file_name),
        weights=Weights(SAFETENSORS, ""),
        decoding=DECODING,
        languages=languages,
        origin={"path": str(path)},
    )
    return Model(header, net, text, path)


def read_net(path: Path) -> Moonshine:
    """The net of a folder alone. Raises ModelError."""
    return _net(path, config_from_hf(_read_json(path / "config.json")))


def parts_of(model: Model) -> tuple[Moonshine, MoonshineTokenizer]:
    """Net and tokenizer of a model. Raises ModelError where one is of another family."""
    net, tokenizer = model.net, model.tokenizer
    if not isinstance(net, Moonshine) or not isinstance(tokenizer, MoonshineTokenizer):
        raise ModelError(
            f"model {model.header.name} has Moonshine's features but not its net or tokenizer",
            "take net, features and tokenizer from one model",
        )
    return net, tokenizer


def _languages(path: Path, name: str) -> tuple[str, ...]:
    """What the model writes: as its card says, or as its published name is known for."""
    card = path / "README.md"
    if card.is_file():
        found = card_languages(card.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found
    for candidate in (name.partition("@")[0].rpartition("/")[2], path.name):
        if candidate in KNOWN:
            return KNOWN[candidate].languages
    return ()


def card_languages(card: str) -> tuple[str, ...]:
    """The ``language`` of a model card's front matter: one code, or a list."""
    lines = iter(card.splitlines())
    if next(lines, "") != "---":
        return ()
    found: list[str] = []
    inside = False
    for line in lines:
        if line == "---":
            break
        key, _, value = line.partition(":")
        if key == "language":
            inside = True
            found += value.strip(" []").replace(",", " ").split()
        elif inside and line.lstrip().startswith("- "):
            found.append(line.lstrip()[2:].strip())
        else:
            inside = False
    return tuple(code.strip("\"'") for code in found)


def _read_tokenizer(
    path: Path, config: MoonshineConfig, special: tuple[int, int]
) -> MoonshineTokenizer:
    try:
        tokenizer = MoonshineTokenizer.from_bytes(path.read_bytes())
    except OSError:
        raise ModelError(f"no tokenizer file {path}", "copy it, or give --tokenizer FILE") from None
    except ValueError as problem:
        raise ModelError(f"damaged tokenizer file {path}: {problem}", "copy it again") from None
    if tokenizer.vocab_size != config.vocab:
        raise ModelError(
            f"{path}: {tokenizer.vocab_size} tokens, but the weights have {config.vocab}",
            "take the tokenizer of the same model",
        )
    if (tokenizer.bos, tokenizer.eos) != special:
        raise ModelError(
            f"{path}: start and end are {tokenizer.bos} and {tokenizer.eos}, in config.json "
            f"{special[0]} and {special[1]}",
            "take the tokenizer of the same model",
        )
    return tokenizer


def _net(path: Path, config: MoonshineConfig) -> Moonshine:
    """A net that owns the weights of a folder; none of its own are made first."""
    with torch.device("meta"):
        net = Moonshine(config)
    wanted = net.state_dict()
    with ExitStack() as stack:
        files = [stack.enter_context(_opened(file)) for file in _weight_files(path)]
        where = {name: file for file in files for name in file.keys()}  # noqa: SIM118
        parts = {own: to_hf(own) for own in wanted}
        unknown = sorted(set(where) - {TIED} - {name for names in parts.values() for name in names})
        if unknown:
            raise ModelError(f"{path} has an unknown weight {unknown[0]}", "not a Moonshine model")
        found: dict[str, Tensor] = {}
        for own, names in parts.items():
            for name in names:
                if name not in where:
                    raise ModelError(f"{path} lacks the weight {name}", "copy the model again")
            try:
                pieces = [where[name].get_tensor(name) for name in names]
            except SafetensorError as problem:
                raise ModelError(f"damaged weights in {path}: {problem}", "copy it again") from None
            rows = wanted[own].shape[0] // len(names)
            for name, piece in zip(names, pieces, strict=True):
                shape = (rows, *wanted[own].shape[1:])
                if tuple(piece.shape) != shape:
                    raise ModelError(
                        f"{path}: {name} is {tuple(piece.shape)}, not {shape}",
                        "weights and configuration do not belong together",
                    )
            joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
            found[own] = joined.float()
    net.load_state_dict(found, assign=True)
    return net.eval().requires_grad_(True)


def _opened(file: Path) -> Any:
    try:
        return safe_open(file, "pt")
    except (SafetensorError, OSError) as problem:
        raise ModelError(f"damaged {file}: {problem}", "copy it again") from None


def _weight_files(path: Path) -> list[Path]:
    single, index = path / SAFETENSORS, path / INDEX
    if single.is_file():
        return [single]
    if not index.is_file():
        raise ModelError(
            f"{path} has no weights: neither {SAFETENSORS} nor {INDEX}",
            f"copy the file {SAFETENSORS} into it",
        )
    table = _read_json(index).get("weight_map")
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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ModelError(f"damaged {path}: {problem}", "copy it again") from None
    if not isinstance(table, dict):
        raise ModelError(f"damaged {path}: not a table", "copy it again")
    return table


def save_hf(path: Path, model: Model) -> None:
    """Write a folder that transformers loads as it is, with a card that names the language."""
    net, tokenizer = parts_of(model)
    path.mkdir(parents=True, exist_ok=True)
    save_file(dict(_their_weights(net)), path / SAFETENSORS, metadata={"format": "pt"})
    (path / tokenizer.file_name).write_bytes(tokenizer.to_bytes())
    config = config_to_hf(net.config, tokenizer.bos, tokenizer.eos)
    special = {k: config[k] for k in config if k.endswith("_token_id")}
    for name, table in (
        ("config.json", config),
        ("generation_config.json", {**special, "max_length": net.config.text_context}),
        ("preprocessor_config.json", _PREPROCESSOR),
        ("tokenizer_config.json", _TOKENIZER_CONFIG),
    ):
        (path / name).write_text(json.dumps(table, indent=2), encoding="utf-8")
    languages = "".join(f"- {code}\n" for code in model.header.languages)
    card = f"---\nlanguage:\n{languages}---\n" if languages else ""
    (path / "README.md").write_text(f"{card}# {model.header.name}\n", encoding="utf-8")


def _their_weights(net: Moonshine) -> Iterator[tuple[str, Tensor]]:
    for own, tensor in net.state_dict().items():
        names = to_hf(own)
        for name, part in zip(names, tensor.chunk(len(names)), strict=True):
            yield name, part.detach().cpu().float().contiguous()


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
