"""The nets, by name. Others add theirs by an entry point in the group ``attnasr.nets``."""

from __future__ import annotations

import difflib
from functools import lru_cache
from importlib import import_module, metadata
from typing import TYPE_CHECKING

from attnasr_cli.errors import ModelError

if TYPE_CHECKING:
    from attnasr_cli.nets.protocol import Net

GROUP = "attnasr.nets"
BUILT_IN = {
    "las": "attnasr_cli.nets.las:LAS",
    "transformer": "attnasr_cli.nets.transformer:Transformer",
    "conformer": "attnasr_cli.nets.conformer:Conformer",
    "whisper": "attnasr_cli.families.whisper.net.model:Whisper",
    "moonshine": "attnasr_cli.families.moonshine.net:Moonshine",
    "moonshine-streaming": "attnasr_cli.families.moonshine.streaming.net:MoonshineStreaming",
    "canary": "attnasr_cli.families.fastconformer.net:Canary",
    "cohere": "attnasr_cli.families.fastconformer.net:CohereTranscribe",
}


@lru_cache(maxsize=1)
def net_names() -> dict[str, str]:
    """name → ``module:Class`` of every net that is built in or registered by a package."""
    found = dict(BUILT_IN)
    for point in metadata.entry_points(group=GROUP):
        found.setdefault(point.name, point.value)
    return found


def find_net(name: str) -> type[Net]:
    """The class of a net. Raises ModelError for an unknown name or a plugin that does not load."""
    names = net_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known nets: {', '.join(sorted(names))}"
        raise ModelError(f"unknown net {name!r}", hint)
    module, _, attribute = names[name].partition(":")
    try:
        cls: type[Net] = getattr(import_module(module), attribute)
    except Exception as problem:  # a broken plugin must name itself, whatever it raises
        raise ModelError(
            f"the net {name!r} ({names[name]}) does not load: {problem}",
            "repair or remove the package that registers it",
        ) from None
    return cls
