"""Models by shipped name, by name in the user's folder, or by path.

A name without a separator is looked up among the user's models first (``ATTNASR_MODELS``, else the
platform's data folder), then among those that ship inside the package.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attnasr_cli.checkpoint import hub
from attnasr_cli.checkpoint.hub import Source
from attnasr_cli.errors import ModelError

DEFAULT = "english-small"


@dataclass(frozen=True)
class Entry:
    """A model that can be asked for by name."""

    name: str
    path: Path
    origin: str
    """shipped, user, or downloaded"""


def shipped() -> Path | None:
    """The folder of the models that come with the package, or None.

    A wheel has it inside; a checkout beside, where ``pyproject.toml`` stands too.
    """
    package = Path(__file__).parents[1]
    if (package / "models").is_dir():
        return package / "models"
    beside = package.parent / "models"
    if beside.is_dir() and (package.parent / "pyproject.toml").is_file():
        return beside
    return None


def user_folder() -> Path:
    """The folder of the user's own models; it need not exist."""
    chosen = os.environ.get("ATTNASR_MODELS")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_data_dir("attnasr", appauthor=False)) / "models"


def entries() -> list[Entry]:
    """All models by name; the user's hide shipped ones of the same name."""
    found: dict[str, Entry] = {}
    for origin, folder in (("shipped", shipped()), ("user", user_folder())):
        if folder is not None and folder.is_dir():
            for path in sorted(folder.iterdir()):
                if is_model(path):
                    found[path.name] = Entry(path.name, path, origin)
    return [found[name] for name in sorted(found)]


def is_model(path: Path) -> bool:
    """Whether a folder looks like a model: ours, or a Hugging Face one."""
    return (path / "model.toml").is_file() or (path / "config.json").is_file()


def find(name: str | os.PathLike[str], published: Mapping[str, Source]) -> Path:
    """The folder (or file) of a model; one of ``published``, or ``owner/name`` on the hub, is
    downloaded when it is first asked for.

    Raises ModelError with the nearest names.
    """
    text = os.fspath(name)
    path = Path(text)
    if path.exists() and (os.sep in text or path.is_file() or is_model(path)):
        return path
    known = {entry.name: entry.path for entry in entries()}
    if text in known:
        return known[text]
    if path.is_dir() and text not in published:  # a folder of outputs may be called like a model
        raise ModelError(f"{path} is not a model folder", "it has no model.toml and no config.json")
    source = hub.source(text, published)
    if source is not None and not (os.sep in text and path.parent.is_dir()):
        return hub.pull(source)
    known |= dict.fromkeys(published, Path())
    near = difflib.get_close_matches(text, known, n=3, cutoff=0.5)
    if os.sep in text and not near:
        raise ModelError(f"no model {text}", "there is no such file or folder")
    hint = (
        f"did you mean {' or '.join(repr(n) for n in near)}?"
        if near
        else f"known models: {', '.join(known) or 'none'}; see attnasr models list"
    )
    raise ModelError(f"no model {text!r}", hint)
