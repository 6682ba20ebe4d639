"""A model sent to workers that do not have it, and kept there under the hash of its content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attnasr_cli.checkpoint.hub import own_cache
from attnasr_cli.checkpoint.identity import files_of, model_key
from attnasr_cli.errors import ClusterError
from attnasr_cli.files import replacing_folder


def names(path: Path) -> list[str]:
    """The files of a model, from its folder; of one that is a file, its name."""
    if path.is_file():
        return [path.name]
    return [file.relative_to(path).as_posix() for file in files_of(path)]


def cache() -> Path:
    """The folder on this machine for models that were sent."""
    return own_cache() / "sent"


def find(path: Path, key: str) -> Path | None:
    """The model with this content: where the driver has it, or among those sent before."""
    for candidate in (path, cache() / key / path.name):
        if candidate.exists() and model_key(candidate) == key:
            return candidate
    return None


def keep(path: Path, key: str, files: Sequence[str], contents: Sequence[bytes]) -> Path:
    """Write a model that was sent; several workers of a machine may do so at a time. Raises
    ClusterError where there is no room."""
    folder = cache() / key
    single = list(files) == [path.name]
    try:
        with replacing_folder(folder) as part:
            for name, content in zip(files, contents, strict=True):
                target = part / name if single else part / path.name / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    except OSError as problem:
        if find(path, key) is not None:  # another worker was first
            return folder / path.name
        raise ClusterError(
            f"a model cannot be kept in {cache()}: {problem.strerror or problem}",
            "free some space there, or point ATTNASR_CACHE elsewhere on the workers",
        ) from None
    return folder / path.name
