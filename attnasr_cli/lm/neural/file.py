"""The neural language model as one safetensors file: weights in eight bits, tokenizer and sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from attnasr_cli.lm.neural.net import NeuralConfig, NeuralLm
from attnasr_cli.nets.quantize import pack, unpack
from attnasr_cli.tensor_file import read_tensors, write_tensors
from attnasr_cli.text.subwords import BpeTokenizer

KIND = "neural language model"
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
    return write_tensors(path, KIND, {"config": asdict(net.config)}, tensors)


def load_net(path: Path) -> Loaded:
    """Read such a file. Raises ModelError for anything else."""
    hint = "make it again with `attnasr train`, or leave it out with --option neural_weight=0"
    with read_tensors(path, KIND, hint) as (about, tensors):
        tokenizer = BpeTokenizer(tensors.pop(TOKENIZER).numpy().tobytes())
        with torch.random.fork_rng(devices=[]):
            net = NeuralLm(NeuralConfig(**about["config"]))
        net.load_state_dict({k: v.float() for k, v in unpack(tensors).items()}, assign=True)
        if tokenizer.vocab_size != net.config.pieces:
            raise ValueError("its tokenizer is not that of its weights")
    return Loaded(net.eval().requires_grad_(False), tokenizer)
