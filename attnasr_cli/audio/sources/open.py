"""Opens recordings with libsndfile or FFmpeg's libraries, part after part.

The content of a file is first determined from its bytes (``containers``). Durations in headers, or
estimated by FFmpeg, are not trusted: a stream ends where its samples end, and it is damaged where
bytes are missing or cannot be decoded.
"""

from __future__ import annotations

from pathlib import Path

from attnasr_cli.audio.containers.extent import examine
from attnasr_cli.audio.containers.view import Part
from attnasr_cli.audio.sources.ffmpeg import FfmpegSource
from attnasr_cli.audio.sources.joined import JoinedSource
from attnasr_cli.audio.sources.libsndfile import SoundfileSource
from attnasr_cli.audio.sources.types import SALVAGE_HINT, Source, choose_track
from attnasr_cli.errors import AudioError

BY_FFMPEG = ("mpeg", "matroska", "mp4", "avi", "asf")
"""kinds that libsndfile does not know, or guesses the length of (MP3)"""


def open_source(
    path: Path,
    name: str,
    salvage: bool = False,
    track: int | str | None = None,
    headers_only: bool = False,
) -> Source:
    """Open a recording; errors call it ``name``.

    ``salvage``: go on over damage. ``track``: which sound track of a film, by its number from 1 or
    its language. ``headers_only``: it will not be read. Raises AudioError and OSError.
    """
    parts = examine(path, headers_only)
    if len(parts) == 1:
        return open_part(path, parts[0], name, salvage, track)
    return JoinedSource(
        parts, lambda part: open_part(path, part, name, salvage, track), name, salvage
    )


def open_part(path: Path, part: Part, name: str, salvage: bool, track: int | str | None) -> Source:
    """Open one part of a file with the first library that knows its format."""
    if part.hopeless:
        raise AudioError(f"{name} {part.damage}", "copy or download it again")
    if part.damage and not salvage:
        raise AudioError(f"{name} {part.damage}", SALVAGE_HINT)
    if salvage or part.kind in BY_FFMPEG or part.beyond_libsndfile:
        source: Source = FfmpegSource(path, part, name, salvage, track)
    else:
        import soundfile

        try:
            source = SoundfileSource(path, part, name)
        except soundfile.LibsndfileError:
            source = FfmpegSource(path, part, name, salvage, track)
        else:
            if source.probe.format == "MP3":  # with anything before its first frame
                source.close()
                source = FfmpegSource(path, part, name, salvage, track)
            else:
                choose_track(source.probe.tracks, track, name)
    noticed = [part.damage] if part.damage else []
    source.probe.warnings[:0] = [f"{name} {text}" for text in noticed] + [
        f"{name}: {text}" for text in part.warnings
    ]
    return source
