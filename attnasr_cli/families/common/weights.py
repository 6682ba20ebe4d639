"""Reads the weights of a Hugging Face folder tensor by tensor into a net on the device "meta", and
writes them.

``model.safetensors`` or its sharded index. Only one copy is in memory: files are memory-mapped, and
pages that were read are released every few hundred megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from attnasr_cli.checkpoint.json_table import read_json
from attnasr_cli.errors import ModelError
from attnasr_cli.nets.protocol import Net

SAFETENSORS = "model.safetensors"
INDEX = "model.safetensors.index.json"
MAPPED = 256 << 20
"""bytes read before the mapped pages are released"""
LOW = (torch.bfloat16, torch.float16)


def _same(name: str) -> tuple[str, ...]:
    return (name,)


@dataclass(frozen=True)
class Names:
    """Names of weights in the files of other programs."""

    family: str
    """as messages call it"""
    to_hf: Callable[[str], list[str]]
    """our name → names in transformers of the tensors that it concatenates along the first axis"""
    ignored: Callable[[str], bool]
    """whether a weight of a file is known not to be needed"""
    aliases: Callable[[str], tuple[str, ...]] = _same
    """a name of transformers → all names that a file may have for it"""


def fill(net: Net, path: Path, names: Names, keep_low: bool = False) -> None:
    """Give a net on the device "meta" the weights of a folder, in float32; ``keep_low``: matrices
    that the files have in 16 bits stay so. Raises ModelError for what is missing, unknown, damaged
    or of another size."""
    wanted = net.state_dict()
    reader = _Reader(weight_files(path))
    plan = {own: [reader.called(path, names, name) for name in names.to_hf(own)] for own in wanted}
    used = {name for parts in plan.values() for name in parts}
    unknown = sorted(name for name in set(reader.where) - used if not names.ignored(name))
    if unknown:
        raise ModelError(
            f"{path} has an unknown weight {unknown[0]}", f"not a {names.family} model"
        )
    found: dict[str, Tensor] = {}
    for own, parts in plan.items():
        pieces = [reader.read(name) for name in parts]
        shape = _part(wanted[own].shape, len(parts))
        for name, piece in zip(parts, pieces, strict=True):
            if _bare(piece.shape) != _bare(shape):
                raise ModelError(
                    f"{path}: {name} is {tuple(piece.shape)}, not {shape}",
                    "weights and configuration do not belong together",
                )
        low = keep_low and pieces[0].dtype in LOW and len(shape) > 1
        dtype = pieces[0].dtype if low else torch.float32
        whole = torch.empty(wanted[own].shape, dtype=dtype)
        for room, piece in zip(_parts(whole, len(parts)), pieces, strict=True):
            room.copy_(piece.view(shape))
        found[own] = whole
    net.load_state_dict(found, assign=True)
    net.eval().requires_grad_(True)


def _part(shape: tuple[int, ...], parts: int) -> tuple[int, ...]:
    """The shape of one of ``parts`` weights that are concatenated along the first axis."""
    return tuple(shape) if parts == 1 else (shape[0] // parts, *shape[1:])


def _parts(whole: Tensor, parts: int) -> tuple[Tensor, ...]:
    return (whole,) if parts == 1 else whole.chunk(parts)


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without trailing ones: a convolution over one frame is a matrix product."""
    end = len(shape)
    while end > 1 and shape[end - 1] == 1:
        end -= 1
    return tuple(shape[:end])


class _Reader:
    """Tensors of several files by name."""

    def __init__(self, files: list[Path]) -> None:
        self.where: dict[str, Path] = {}
        for file in files:
            with opened(file) as content:
                self.where |= dict.fromkeys(content.keys(), file)
        self._open: dict[Path, Any] = {}
        self._read = 0

    def called(self, path: Path, names: Names, name: str) -> str:
        """The name in the files for a weight of transformers. Raises ModelError where it is
        missing."""
        for alias in names.aliases(name):
            if alias in self.where:
                return alias
        raise ModelError(f"{path} lacks the weight {name}", "copy the model again")

    def read(self, name: str) -> Tensor:
        """A memory-mapped tensor. Raises ModelError where it is damaged."""
        if self._read > MAPPED:
            self._open.clear()
            self._read = 0
        file = self.where[name]
        if file not in self._open:
            self._open[file] = opened(file)
        try:
            tensor: Tensor = self._open[file].get_tensor(name)
        except SafetensorError as problem:
            raise ModelError(f"damaged {file}: {problem}", "copy it again") from None
        self._read += tensor.nbytes
        return tensor


def opened(file: Path) -> Any:
    """A safetensors file. Raises ModelError where it is damaged."""
    try:
        return safe_open(file, "pt")
    except (SafetensorError, OSError) as problem:
        raise ModelError(f"damaged {file}: {problem}", "copy it again") from None


def weight_files(path: Path) -> list[Path]:
    """The safetensors files of a folder. Raises ModelError where one is missing."""
    single, index = path / SAFETENSORS, path / INDEX
    if single.is_file():
        return [single]
    if not index.is_file():
        hint = f"copy the file {SAFETENSORS} into it"
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


def save(net: Net, path: Path, names: Names) -> None:
    """Write the weights of a net into a folder as transformers calls them, in float32."""
    save_file(dict(their_weights(net, names)), path / SAFETENSORS, metadata={"format": "pt"})


def their_weights(net: Net, names: Names) -> Iterator[tuple[str, Tensor]]:
    for own, tensor in net.state_dict().items():
        called = names.to_hf(own)
        for name, part in zip(called, _parts(tensor, len(called)), strict=True):
            yield name, part.detach().cpu().float().contiguous()
