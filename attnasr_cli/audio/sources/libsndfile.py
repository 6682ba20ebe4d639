"""WAV, FLAC, Ogg, Opus, AIFF, CAF … by libsndfile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attnasr_cli.audio.containers.view import Part, PartFile
from attnasr_cli.audio.sources.types import (
    MISSING_S,
    SALVAGE_HINT,
    Block,
    Probe,
    Track,
    check_format,
)
from attnasr_cli.errors import AudioError


class SoundfileSource:
    """One part of a file."""

    BLOCK = 16_384

    def __init__(self, path: Path, part: Part, name: str) -> None:
        import soundfile

        self.name = name
        size = os.stat(path).st_size
        plain = part.start == 0 and part.end == size and not part.patches and not part.holes
        # By its number: names may hold bytes that are no text.
        self._part = None if plain else PartFile(path, part)
        what = os.open(path, os.O_RDONLY) if self._part is None else self._part
        self.file: Any = soundfile.SoundFile(what)
        rate, frames, channels = self.file.samplerate, self.file.frames, self.file.channels
        check_format(name, rate, channels)
        # Ogg's count is that of its last page, which stations and editors begin anywhere.
        known = 0 < frames < 2**62
        self.frames: int | None = frames if known and part.kind != "ogg" else None
        self.probe = Probe(frames / rate if known else None, rate, channels, str(self.file.format))
        codec = str(self.file.subtype).lower()
        self.probe.tracks = [Track(1, "", codec, rate, channels)]
        self.position = 0

    def skip(self, samples: int) -> int:
        if samples:
            self.position = self.file.seek(min(samples, self.file.frames))
        return self.position

    def read(self) -> Iterator[Block]:
        import soundfile

        rate = self.probe.rate_hz
        try:
            while True:
                block = self.file.read(self.BLOCK, dtype="float32", always_2d=True)
                if not len(block):
                    break
                self.position += len(block)
                yield Block(block, rate)
        except soundfile.LibsndfileError:
            raise self._damaged() from None
        if self.frames is not None and self.position < self.frames - MISSING_S * rate:
            raise self._damaged()

    def _damaged(self) -> AudioError:
        rate = self.probe.rate_hz
        of = f" of {self.frames / rate:.1f} s" if self.frames else ""
        return AudioError(
            f"{self.name} is damaged or cut off: only {self.position / rate:.1f} s{of} can be read",
            SALVAGE_HINT,
        )

    def close(self) -> None:
        self.file.close()
        if self._part is not None:
            self._part.close()
