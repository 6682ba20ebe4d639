"""The model families: by name, by net, by the style of features, and by foreign checkpoint.

Others add theirs by an entry point in the group ``attnasr.families``: an object that keeps the
protocol ``base.Family``. Nothing here imports torch.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from attnasr_cli import console
from attnasr_cli.errors import ModelError

if TYPE_CHECKING:
    from attnasr_cli.checkpoint.hub import Source
    from attnasr_cli.checkpoint.registry import Entry
    from attnasr_cli.families.base import Family

GROUP = "attnasr.families"
BUILT_IN = {
    "native": "attnasr_cli.families.native.family:FAMILY",
    "whisper": "attnasr_cli.families.whisper.family:FAMILY",
    "moonshine": "attnasr_cli.families.moonshine.family:FAMILY",
    "canary": "attnasr_cli.families.fastconformer.family:CANARY_FAMILY",
    "cohere": "attnasr_cli.families.fastconformer.family:COHERE_FAMILY",
}


@lru_cache(maxsize=1)
def family_names() -> dict[str, str]:
    """name → ``module:OBJECT`` of every family that is built in or registered by a package."""
    found = dict(BUILT_IN)
    for point in metadata.entry_points(group=GROUP):
        found.setdefault(point.name, point.value)
    return found


def find_family(name: str) -> Family:
    """A family by name. Raises ModelError for an unknown one or a plugin that does not load."""
    names = family_names()
    if name not in names:
        raise ModelError(f"unknown family {name!r}", f"known families: {', '.join(names)}")
    module, _, attribute = names[name].partition(":")
    try:
        family: Family = getattr(import_module(module), attribute)
    except Exception as problem:  # a broken plugin must name itself, whatever it raises
        raise ModelError(
            f"the family {name!r} ({names[name]}) does not load: {problem}",
            "repair or remove the package that registers it",
        ) from None
    return family


@lru_cache(maxsize=1)
def families() -> tuple[Family, ...]:
    """Every family; one that does not load is named and left out."""
    found = []
    for name in family_names():
        try:
            found.append(find_family(name))
        except ModelError as problem:
            console.warn(problem.message)
    return tuple(found)


def family_of_style(style: str) -> Family:
    """The family of a model by its ``features.style``. Raises ModelError for an unknown style."""
    for family in families():
        if family.style == style:
            return family
    known = ", ".join(family.style for family in families())
    raise ModelError(f"unknown feature style {style!r}", f"known styles: {known}")


def family_of_net(net: str) -> Family:
    """The family that trains a net; a net of a plugin that no family names belongs to the native
    family."""
    for family in families():
        if net in family.nets:
            return family
    return find_family("native")


def family_of_checkpoint(path: Path) -> Family | None:
    """The family that a foreign checkpoint belongs to, or None."""
    return next((family for family in families() if family.claims(path)), None)


def published() -> dict[str, Source]:
    """The names of all published models, at the revisions that the families were written for."""
    return {name: source for family in families() for name, source in family.published.items()}


def at_hand() -> list[Entry]:
    """All models that can be used by name without a download: shipped ones, the user's, and
    downloaded ones that a family can read."""
    from attnasr_cli.checkpoint import hub, registry

    found = {entry.name: entry for entry in registry.entries()}
    names = {source: name for name, source in published().items()}
    for source, path in hub.downloaded():
        pinned = hub.Source(source.repo, path.name)
        name = names.get(source) or names.get(pinned) or str(source)
        if name not in found and family_of_checkpoint(path) is not None:
            found[name] = registry.Entry(name, path, "downloaded")
    return list(found.values())
