"""The house rules that a machine can hold: what may import what, and how large a file may be."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 300
MOST_FILES = 15  # of one folder, __init__ aside


def test_imports_go_down_only_and_never_in_a_circle() -> None:
    pytest.importorskip("importlinter", reason="needs import-linter: the extra `dev`")
    program = "from importlinter.cli import lint_imports_command as main; main()"
    command = [sys.executable, "-c", program, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_longer_than_one_idea() -> None:
    """Tests, too."""
    long = {
        str(file.relative_to(ROOT)): lines
        for room in ("attnasr_cli", "tests", "bench")
        for file in sorted((ROOT / room).rglob("*.py"))
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long


def test_no_folder_is_fuller_than_a_glance() -> None:
    folders: dict[str, int] = {}
    for file in (ROOT / "attnasr_cli").rglob("*.py"):
        if file.name != "__init__.py":
            name = str(file.parent.relative_to(ROOT))
            folders[name] = folders.get(name, 0) + 1
    assert not {name: count for name, count in folders.items() if count > MOST_FILES}


FAMILIES = sorted(
    path.name
    for path in (ROOT / "attnasr_cli" / "families").iterdir()
    if (path / "family.py").is_file() and path.name != "native"
)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_other_room_asks_which_family_a_model_is_of(family: str) -> None:
    """Only the family's own package and the tables of registration import it or compare names."""
    tables = {"families/registry.py", "nets/__init__.py", "text/normalize.py"}  # by name only
    package = ROOT / "attnasr_cli"
    guilty = []
    for file in package.rglob("*.py"):
        name = file.relative_to(package).as_posix()
        if name in tables or name.startswith(f"families/{family}/"):
            continue
        text = file.read_text(encoding="utf-8")
        if f"families.{family}" in text or f'"{family}"' in text:
            guilty.append(name)
    assert not guilty


ONE_PLACE = {
    "an atomic write": (
        r"\bos\.(replace|rename)\(|mkstemp|[\"}]\.part\"",
        {"files.py", "checkpoint/identity.py"},  # which leaves such files out
    ),
    "a lock between processes": (r"\bfilelock\b|\bfcntl\b", {"files.py"}),
    "a reader of tables": (r"csv\.(reader|DictReader|Sniffer)", {"data.py"}),
    "a list of audio endings": (r"\.(flac|mp3)\b.*\.(wav|ogg)\b", {"data.py"}),
    "a writer of TOML": (r"\btomli_w\b", {"checkpoint/tables.py"}),
    "a sample rate": (r"^[A-Z_]*RATE_HZ = ", {"audio/frames.py"}),
    "frames in a second": (r"^(FRAMES_PER_S|FRAME_S) = ", {"audio/frames.py"}),
    "dynamic time warping": (r"def \w*(dtw|warp)\w*\(", {"search/alignment.py"}),
    "the joint search": (r"\bCtcPrefixScorer\(", {"families/native/joint_search.py"}),
    "a folder of downloads": (r"user_cache_dir", {"checkpoint/hub.py"}),
    "the first line of an error": (r"splitlines\(\)(\[0\]| or )", {"errors.py"}),
}


@pytest.mark.parametrize("thing", ONE_PLACE)
def test_there_is_one_of_each(thing: str) -> None:
    """What was there twice differed in the end."""
    pattern, places = ONE_PLACE[thing]
    package = ROOT / "attnasr_cli"
    found = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found <= places
