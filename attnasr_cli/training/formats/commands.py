"""Folders of single words and commands, with the text in the names of folders or files.

Speech Commands: a folder for each word (https://arxiv.org/abs/1804.03209). Free Spoken Digit
Dataset: ``WORD_SPEAKER_NUMBER`` (https://github.com/Jakobovski/free-spoken-digit-dataset).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attnasr_cli.data import AUDIO_ENDINGS
from attnasr_cli.training.formats.utterance import Utterance

FEWEST = 3  # recordings, and of each word on average: fewer names are alike by accident
_NAMED = re.compile(r"(?P<word>[^\W_]+)_(?P<speaker>(?!nohash_)[^\W\d_][^\W_]*)_(?P<number>\d+)")
_SPEAKER = re.compile(r"(?P<speaker>.+)_nohash_\d+")
BACKGROUND = "_background_noise_"  # of Speech Commands


def recordings(root: Path) -> list[Path]:
    """All audio below a folder, sorted."""
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO_ENDINGS)


def is_named(files: Sequence[Path]) -> bool:
    """Whether all are called WORD_SPEAKER_NUMBER."""
    words = [found["word"] for file in files if (found := _NAMED.fullmatch(file.stem))]
    return len(words) == len(files) >= FEWEST * len(set(words)) > 0


def named(root: Path) -> Iterator[Utterance]:
    """WORD_SPEAKER_NUMBER."""
    for file in recordings(root):
        found = _NAMED.fullmatch(file.stem)
        if found is not None:
            yield Utterance("", file, found["word"], speaker=found["speaker"])


def is_foldered(root: Path, files: Sequence[Path]) -> bool:
    """Whether each file stands in one of several folders of the root, and most have several."""
    words = [_word(root, file) for file in files if _word(root, file) != BACKGROUND]
    return "" not in words and len(words) >= FEWEST * len(set(words)) > FEWEST


def foldered(root: Path) -> Iterator[Utterance]:
    """A folder for each word; in Speech Commands the name of a file begins with its speaker."""
    for file in recordings(root):
        word = _word(root, file)
        if word and word != BACKGROUND:
            found = _SPEAKER.fullmatch(file.stem)
            speaker = found["speaker"] if found else ""
            yield Utterance(f"{word}/{file.stem}", file, word.replace("_", " "), speaker=speaker)


def _word(root: Path, file: Path) -> str:
    """The folder of a file, or empty where it does not stand right below the root."""
    folders = file.relative_to(root).parts[:-1]
    return folders[0] if len(folders) == 1 else ""
