"""What an option is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One option."""

    name: str
    """in snake case; the flag is the same in kebab case"""
    kind: type
    """str, int, float, bool, or list for several str"""
    help: str
    panel: str
    default: object = None
    """None: nothing, or what the model or the machine suggests"""
    short: str = ""
    decoder: bool = False
    config: bool = True
    """may stand in a configuration file and in the environment"""
    metavar: str | None = None
    once: bool = False
    """of a bool: there is no --no-…"""

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")
