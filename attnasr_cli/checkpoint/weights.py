"""The file of a model folder's weights: read with its checksum, replaced without a gap."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from attnasr_cli.errors import ModelError, OutputError
from attnasr_cli.nets.protocol import Net
from attnasr_cli.nets.quantize import unpack

WEIGHTS, OLD_WEIGHTS = "weights.safetensors", "weights.old.safetensors"


def load_weights(net: Net, folder: Path, name: str, sha256: str) -> None:
    """Load the weights of a model folder that have a checksum. Raises ModelError where they are
    missing, damaged, or of another net."""
    file, old = folder / name, folder / OLD_WEIGHTS
    try:
        _load(net, file, sha256)
    except ModelError:  # being replaced now, or a save was killed: then they have a second name
        if not old.is_file() or sha256_of(old) != sha256:
            raise
        _load(net, old, sha256)


def _load(net: Net, file: Path, sha256: str) -> None:
    if not file.is_file():
        raise ModelError(f"no weights file {file}", "the model folder is incomplete")
    if sha256_of(file) != sha256:
        raise ModelError(f"damaged weights {file}: the checksum differs", "copy it again")
    try:
        tensors: dict[str, Tensor] = load_file(file)
    except SafetensorError as problem:
        raise ModelError(f"damaged weights {file}: {problem}", "copy it again") from None
    tensors = unpack(tensors)
    wanted = net.state_dict()
    for name in wanted:
        if name not in tensors:
            raise ModelError(f"{file} lacks the weight {name}", "it is of another net or config")
        if tensors[name].shape != wanted[name].shape:
            raise ModelError(
                f"{file}: {name} is {tuple(tensors[name].shape)}, not {tuple(wanted[name].shape)}",
                "weights and [config] do not belong together",
            )
    extra = sorted(set(tensors) - set(wanted))
    if extra:
        raise ModelError(f"{file} has an unknown weight {extra[0]}", "it is of another net")
    net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})


@contextmanager
def old_weights_kept(path: Path, sha256: str) -> Iterator[None]:
    """Weights that are about to be replaced get a second name, until ``model.toml`` is new too.

    sha256: the checksum that ``model.toml`` names now, or empty.
    """
    current, kept = path / WEIGHTS, path / OLD_WEIGHTS
    if not current.is_file() or (kept.is_file() and sha256_of(kept) == sha256):
        yield  # nothing to keep; or a save was killed, and ``kept`` is what ``model.toml`` names
        return
    kept.unlink(missing_ok=True)
    try:
        os.link(current, kept)
    except OSError:  # a file system without links
        shutil.copyfile(current, kept)
    try:
        yield
    except OutputError:  # nothing was replaced
        kept.unlink(missing_ok=True)
        raise


def sha256_of(file: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
