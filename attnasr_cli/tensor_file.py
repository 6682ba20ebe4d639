"""Parts of a model as files of their own: safetensors files whose metadata say what they are."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from attnasr_cli.errors import ModelError, reason
from attnasr_cli.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = 1


class Content(NamedTuple):
    """What such a file holds."""

    about: dict[str, Any]
    """how it describes itself"""
    tensors: dict[str, Any]
    """tensors of torch, or arrays of NumPy"""


def write_tensors(
    path: Path, kind: str, about: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> int:
    """Write the file, whole or not at all. Returns its size in bytes. Raises OutputError."""
    from safetensors.torch import save

    ordered = {name: tensors[name].contiguous() for name in sorted(tensors)}
    content: bytes = save(ordered, described(kind, about))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return len(content)


def described(kind: str, about: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of such a file. All stands under one key, as several come in any order."""
    return {f"attnasr {kind}": json.dumps({"schema": SCHEMA, **about})}


@contextmanager
def read_tensors(
    path: Path, kind: str, hint: str, framework: Literal["pt", "np"] = "pt"
) -> Iterator[Content]:
    """Open a file of a kind. Raises ModelError for any other file, and where what is inside the
    ``with`` cannot make use of it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework=framework) as file:
            about = json.loads((file.metadata() or {}).get(f"attnasr {kind}", "{}"))
            if about.get("schema") != SCHEMA:
                raise ModelError(f"{path} is no {kind} of schema {SCHEMA}", hint)
            names = list(file.keys())  # it has no iterator of its own
            tensors = {name: file.get_tensor(name) for name in names}
        yield Content(about, tensors)
    except (
        OSError, SafetensorError, KeyError, ValueError, IndexError, TypeError, RuntimeError,
        zlib.error,
    ) as error:  # fmt: skip
        raise ModelError(f"{path} cannot be read as {kind}: {reason(error)}", hint) from error
