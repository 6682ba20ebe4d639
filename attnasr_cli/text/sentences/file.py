"""The net for case and punctuation as one safetensors file: weights in eight bits, vocabulary and
sizes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnasr_cli.tensor_file import read_tensors, write_tensors
from attnasr_cli.text.sentences.net import SentenceConfig, SentenceNet
from attnasr_cli.text.sentences.words import WordIds

KIND = "sentence net"
SCALE = ".scale"


@dataclass(frozen=True)
class Loaded:
    """What such a file holds."""

    net: SentenceNet
    ids: WordIds
    spellings: Mapping[str, str]
    """of words in mixed case, by their lower case"""


def save_net(
    path: Path, net: SentenceNet, vocabulary: Sequence[str], spellings: Sequence[str]
) -> int:
    """Write the file, whole or not at all. Returns its size in bytes."""
    tensors: dict[str, Tensor] = {}
    for name, value in net.state_dict().items():
        if value.ndim == 2:  # a scale for each row
            scale = value.abs().amax(1).clamp(min=1e-8) / 127
            tensors[name] = (value / scale[:, None]).round().to(torch.int8)
            tensors[name + SCALE] = scale
        else:
            tensors[name] = value.float()
    lists = json.dumps([list(vocabulary), list(spellings)], ensure_ascii=False).encode()
    packed = np.frombuffer(zlib.compress(lists, 9), np.uint8).copy()
    tensors["vocabulary"] = torch.from_numpy(packed)
    return write_tensors(path, KIND, {"config": asdict(net.config)}, tensors)


def load_net(path: Path) -> Loaded:
    """Read such a file. Raises ModelError for anything else."""
    hint = "make it again with `attnasr train`, or transcribe with --no-punctuation"
    with read_tensors(path, KIND, hint) as (about, tensors):
        lists = json.loads(zlib.decompress(tensors.pop("vocabulary").numpy().tobytes()))
        with torch.random.fork_rng(devices=[]):  # on "meta" it would take a second of imports
            net = SentenceNet(SentenceConfig(**about["config"]))
        weights = {
            name: value.float() * tensors[name + SCALE][:, None] if value.ndim == 2 else value
            for name, value in tensors.items()
            if not name.endswith(SCALE)
        }
        net.load_state_dict(weights, assign=True)
        ids = WordIds(lists[0], net.config.buckets)
        if ids.size != net.config.words:
            raise ValueError("its words are not those of its weights")
    return Loaded(net.eval(), ids, {word.lower(): word for word in lists[1]})
