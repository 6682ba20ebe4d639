"""The family as a whole, held to the protocol on random weights."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from attnasr_cli.families.whisper.checkpoint import load_whisper, save_hf
from attnasr_cli.families.whisper.family import FAMILY
from attnasr_cli.testing import check_family
from tests.families.whisper.conftest import ENGLISH, random_reference, save_pt


def test_it_keeps_the_protocol(openai: ModuleType, tmp_path: Path) -> None:
    model = load_whisper(
        save_pt(random_reference(openai, ENGLISH | {"n_text_ctx": 32}), tmp_path / "random.pt")
    )
    save_hf(tmp_path / "folder", model.net, model.tokenizer)
    check_family(FAMILY, tmp_path / "folder", temperature="0", beam=1)
