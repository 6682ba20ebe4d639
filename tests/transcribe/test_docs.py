"""What the documentation says is done: its options exist."""

from __future__ import annotations

import re
from pathlib import Path

from attnasr_cli.output.formats import FORMATS
from attnasr_cli.transcribe.options import OPTIONS

TEXT = (Path(__file__).parents[2] / "docs" / "transcribe.md").read_text(encoding="utf-8")


def test_every_option_that_is_named_exists() -> None:
    flags = {option.flag for option in OPTIONS} | {"--install-completion"}
    flags |= {f"--no-{option.flag[2:]}" for option in OPTIONS if option.kind is bool}
    assert set(re.findall(r"--[a-z][a-z-]+", TEXT)) <= flags
    assert all(f"`{name}`" in TEXT for name in FORMATS)
