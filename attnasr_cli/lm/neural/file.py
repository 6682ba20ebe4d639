"""The neural language model as one safetensors file: weights in eight bits, tokenizer and sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attnasr_cli.errors import ModelError, reason
from attnasr_cli.files import write_bytes
from attnasr_cli.lm.neural.net import NeuralConfig, NeuralLm
from attnasr_cli.nets.quantize import pack, unpack
from attnasr_cli.text.subwords import BpeTokenizer

KIND = "attnasr neural language model"
SCHEMA = 1
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class Loaded:
    """What such a file holds."""

    net: NeuralLm
    tokenizer: BpeTokenizer


def save_net(path: Path, net: NeuralLm, tokenizer: BpeTokenizer) -> int:
    """Write the file, whole or not at all. Returns its size in bytes."""
    tensors = dict(pack({name: value.detach() for name, value in net.state_dict().items()}))
    tensors[TOKENIZER] = torch.from_numpy(np.frombuffer(tokenizer.to_bytes(), np.uint8).copy())
    about = json.dumps({"schema": SCHEMA, "config": asdict(net.config)})
    content: bytes = save({k: v.contiguous() for k, v in sorted(tensors.items())}, {KIND: about})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return len(content)


def load_net(path: Path) -> Loaded:
    """Read such a file. Raises ModelError for anything else."""
    hint = "make it again with `attnasr train`, or leave it out with --option neural_weight=0"
    try:
        with safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(KIND, "{}"))
            if about.get("schema") != SCHEMA:
                raise ModelError(f"{path} is no neural language model of schema {SCHEMA}", hint)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        tokenizer = BpeTokenizer(tensors.pop(TOKENIZER).numpy().tobytes())
        with torch.random.fork_rng(devices=[]):
            net = NeuralLm(NeuralConfig(**about["config"]))
        net.load_state_dict(_plain(tensors), assign=True)
        if tokenizer.vocab_size != net.config.pieces:
            raise ValueError("its tokenizer is not that of its weights")
    except (
        OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError,
    ) as error:  # fmt: skip
        raise ModelError(
            f"{path} cannot be read as a neural language model: {reason(error)}", hint
        ) from error
    return Loaded(net.eval().requires_grad_(False), tokenizer)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In float32."""
    return {name: value.float() for name, value in unpack(tensors).items()}
