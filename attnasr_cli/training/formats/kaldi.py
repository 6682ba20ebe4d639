"""Kaldi data folders: ``wav.scp`` and ``text``, with ``segments`` and ``utt2spk`` where there are
some (https://kaldi-asr.org/doc/data_prep.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attnasr_cli.errors import DataError
from attnasr_cli.training.formats.folders import numbered
from attnasr_cli.training.formats.utterance import Utterance, seconds

_ARCHIVE = re.compile(r"\.ark(:\d+)?$")


def kaldi(root: Path) -> Iterator[Utterance]:
    """One utterance for each line of ``text``."""
    recordings = _recordings(root)
    segments = _segments(root, recordings) if (root / "segments").is_file() else None
    speakers = _speakers(root) if (root / "utt2spk").is_file() else {}
    if not (root / "text").is_file():
        raise DataError(f"{root} is a Kaldi folder without text", "its file text has the words")
    for number, line in numbered(root / "text"):
        name, *words = line.split()
        where = f"{root / 'text'}:{number}"
        speaker, text = speakers.get(name, ""), " ".join(words)
        if segments is not None:
            if name not in segments:
                raise DataError(f"{where}: {name} is not in segments", "is the folder complete?")
            recording, start, end = segments[name]
            yield Utterance(name, recordings[recording], text, start, end, speaker)
        elif name not in recordings:
            raise DataError(f"{where}: {name} is not in wav.scp", "is the folder complete?")
        else:
            yield Utterance(name, recordings[name], text, speaker=speaker)


def _recordings(root: Path) -> dict[str, Path]:
    found = {}
    for number, line in numbered(root / "wav.scp"):
        name, _, place = line.strip().partition(" ")
        place = place.strip()
        where = f"{root / 'wav.scp'}:{number}"
        if not place:
            raise DataError(f"{where}: {name} without a recording", "wanted: id and path")
        if place.endswith("|"):
            raise DataError(
                f"{where}: a command in place of a recording: {place[:60]}",
                "programs are not run: convert the recordings first, and list their paths",
            )
        if _ARCHIVE.search(place):
            raise DataError(
                f"{where}: an archive, {place}", "list audio files: wav-copy makes them"
            )
        beside = root / place  # Kaldi itself means paths from where it is started
        found[name] = beside if beside.exists() or not Path(place).exists() else Path(place)
    return found


def _segments(
    root: Path, recordings: dict[str, Path]
) -> dict[str, tuple[str, float | None, float | None]]:
    """utterance → recording, start and end in seconds"""
    found = {}
    for number, line in numbered(root / "segments"):
        fields, where = line.split(), f"{root / 'segments'}:{number}"
        if len(fields) not in (4, 5):
            raise DataError(
                f"{where}: {len(fields)} fields", "wanted: utterance, recording, start, end"
            )
        name, recording = fields[:2]
        if recording not in recordings:
            raise DataError(f"{where}: {recording} is not in wav.scp", "is the folder complete?")
        end = None if fields[3] == "-1" else seconds(fields[3], "the end", where)
        start = seconds(fields[2], "the start", where)
        if end is not None and start is not None and end <= start:
            raise DataError(f"{where}: it ends at {end:g} s, before its start", "check the times")
        found[name] = recording, start, end
    return found


def _speakers(root: Path) -> dict[str, str]:
    found = {}
    for number, line in numbered(root / "utt2spk"):
        fields = line.split()
        if len(fields) != 2:
            raise DataError(f"{root / 'utt2spk'}:{number}: not utterance and speaker", "check it")
        found[fields[0]] = fields[1]
    return found
