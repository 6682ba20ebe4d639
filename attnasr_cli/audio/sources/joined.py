"""Recordings that were joined end to end, read as one: chains of Ogg, radio captures, ``cat``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attnasr_cli.audio.containers.view import Part
from attnasr_cli.audio.sources.types import Block, Source
from attnasr_cli.errors import AudioError


class JoinedSource:
    """Parts one after the other, each opened when its turn comes."""

    def __init__(
        self, parts: Sequence[Part], opened: Callable[[Part], Source], name: str, salvage: bool
    ) -> None:
        """``opened`` opens a part; errors call the file ``name``."""
        self.parts, self._open, self.name, self.salvage = parts, opened, name, salvage
        self.source = opened(parts[0])
        self.probe = self.source.probe
        self.probe.duration_s = None

    def skip(self, samples: int) -> int:
        """Nothing: how long the parts are is only known when they have been read."""
        return 0

    def read(self) -> Iterator[Block]:
        yield from self.source.read()
        for part in self.parts[1:]:
            self.source.close()
            try:
                self.source = self._open(part)
            except AudioError as problem:
                if not self.salvage:
                    raise
                self._warn([f"{self.name}: from byte {part.start} on: {problem.message}"])
                continue
            yield from self.source.read()
            self._warn(self.source.probe.warnings)

    def _warn(self, warnings: Sequence[str]) -> None:
        self.probe.warnings += [text for text in warnings if text not in self.probe.warnings]

    def close(self) -> None:
        self.source.close()
