"""Corpora with a known layout of folders: LibriSpeech, LJSpeech, VCTK, audio with text beside
it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attnasr_cli.data import AUDIO_ENDINGS, read_text
from attnasr_cli.errors import DataError
from attnasr_cli.training.formats.utterance import Utterance

VCTK_AUDIO = ("wav48_silence_trimmed", "wav48", "wav16")


def librispeech(root: Path) -> Iterator[Utterance]:
    """``*.trans.txt`` tables of id and text, the audio beside; the id begins with the speaker."""
    for table in sorted(root.rglob("*.trans.txt")):
        for number, line in numbered(table):
            name, _, text = line.partition(" ")
            audio = find_audio(table.parent / name)
            if audio is None:
                raise DataError(f"{table}:{number}: no audio for {name}", "is the corpus complete?")
            yield Utterance(name, audio, text.strip(), speaker=name.partition("-")[0])


def ljspeech(root: Path) -> Iterator[Utterance]:
    """``metadata.csv`` of id|text|normalised text, the audio in ``wavs/``."""
    table = root / "metadata.csv"
    for number, line in numbered(table):
        columns = line.split("|")
        if len(columns) < 2:
            raise DataError(f"{table}:{number}: not id|text", "fields are separated by |")
        audio = root / "wavs" / f"{columns[0]}.wav"
        if not audio.is_file():
            raise DataError(f"{table}:{number}: no audio {audio}", "is the corpus complete?")
        yield Utterance(columns[0], audio, columns[-1].strip())


def vctk(root: Path) -> Iterator[Utterance]:
    """``txt/SPEAKER/ID.txt``, the audio of the first microphone in a folder beside ``txt``."""
    folder = next(root / name for name in VCTK_AUDIO if (root / name).is_dir())
    for text in sorted((root / "txt").rglob("*.txt")):
        speaker = text.parent.name
        stem = folder / speaker / text.stem
        audio = find_audio(stem.with_name(f"{text.stem}_mic1")) or find_audio(stem)
        if audio is not None:  # the makers left out some recordings
            yield Utterance(text.stem, audio, joined(text), speaker=speaker)


def audio_with_text(root: Path) -> Iterator[Utterance]:
    """Any audio below a folder that has a ``.txt`` of the same name beside."""
    for audio in sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS):
        text = audio.with_suffix(".txt")
        if text.is_file():
            yield Utterance(str(audio.relative_to(root).with_suffix("")), audio, joined(text))


def find_audio(stem: Path) -> Path | None:
    """The recording of that name with whatever ending, or None."""
    named = (stem.with_name(stem.name + ending) for ending in AUDIO_ENDINGS)
    return next((path for path in named if path.is_file()), None)


def numbered(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not empty, with their numbers."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield number, line


def joined(path: Path) -> str:
    """The text of a file in one line."""
    return " ".join(read_text(path).split("\n")).strip()
