"""What is scored: a reference and a hypothesis of the same utterance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pair:
    """One utterance, before normalisation."""

    id: str
    reference: str
    hypothesis: str
    columns: Mapping[str, str] = field(default_factory=dict)  # speaker, file, … for --by
    marked: bool = False  # the texts may hold (optional) words and { alternatives / … }
    missing: bool = False  # there was no hypothesis; all words count as deleted
    where: str = ""  # "file:line: " for messages
