"""What the documents name is there: files, links, names to import; and one gate everywhere."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import attnasr_cli
from attnasr_cli import errors

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "models/*/README.md", "recipes/*/README.md", "bench/*.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_files_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http|#)([^)#]+)", text)
    named = re.findall(
        r"`((?:attnasr_cli|tests|docs|recipes|bench|models|examples)/[\w./-]+)`", text
    )
    rooms = re.findall(r"\| `((?:\w+/)+(?:\w+\.py)?)`", text) if "architecture" in name else []
    lost = [link for link in links if not ((ROOT / name).parent / link).exists()]
    lost += [path for path in named if not (ROOT / path).exists()]
    lost += [room for room in rooms if not (ROOT / "attnasr_cli" / room).exists()]
    assert not lost


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_can_be_imported(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for attribute in re.findall(r"\battnasr_cli\.([a-zA-Z]\w*)", text):
        if not hasattr(attnasr_cli, attribute):
            importlib.import_module(f"attnasr_cli.{attribute}")
    for module, names in re.findall(r"from (attnasr_cli[\w.]*) import ([\w, ]+)", text):
        for each in names.split(","):
            assert hasattr(importlib.import_module(module), each.strip())


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md"])
def test_every_room_is_on_the_map(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "attnasr_cli").glob("*/__init__.py")}
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    assert rooms <= {room.rstrip("/") for cell in cells for room in re.findall(r"`([\w/]+)`", cell)}


def test_every_error_is_public() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.AttnasrError)
    }
    assert found <= set(attnasr_cli.__all__)
    assert all(getattr(attnasr_cli, name) is getattr(errors, name) for name in found)


def test_pre_commit_runs_what_ci_runs() -> None:
    """CI runs `make lint types`: the same programs, whatever files a commit has."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    of_make: set[str] = set()
    for target in ("lint", "types"):
        [block] = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
        of_make |= {line.strip().removeprefix("$(BIN)/") for line in block.splitlines()}
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    of_hooks = set(re.findall(r"entry: \.venv/bin/(.+)", hooks))
    assert {line.removesuffix(" .") for line in of_make} == of_hooks
    assert "make lint types" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
