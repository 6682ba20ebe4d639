"""``attnasr doctor`` and shell completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran

ROOT = Path(__file__).parents[2]


def test_doctor_reports(attnasr: Callable[..., Ran], tiny_model: Path) -> None:
    ran = attnasr("doctor", "--format", "json", "--model", tiny_model)
    table = json.loads(ran.out)
    assert list(table) == [
        "versions",
        "machine",
        "device",
        "audio",
        "folders",
        "models",
        "self-test",
    ]
    assert table["versions"]["torch"]
    assert table["device"]["why"]
    assert "aac" in table["audio"]["their decoders"]
    assert table["audio"]["problems"] == []
    assert "x real time" in table["self-test"]["5 s of audio"]
    assert table["self-test"]["problems"] == []


def test_doctor_names_what_is_wrong(attnasr: Callable[..., Ran]) -> None:
    ran = attnasr("doctor", "-m", "nothing-like-it")
    assert ran.code == 1
    assert "problem: no model 'nothing-like-it'" in ran.out
    assert attnasr("doctor", "--format", "xml").code == 2


def test_doctor_runs_the_models_own_sample(
    attnasr: Callable[..., Ran], tiny_model: Path, tmp_path: Path, speech_file: Callable[..., Path]
) -> None:
    import shutil

    model = tmp_path / "m"
    shutil.copytree(tiny_model, model)
    speech_file(model / "sample.flac", 0.8, 1)
    (model / "sample.txt").write_text("quite something else\n")
    ran = attnasr("doctor", "-m", model)
    assert "should be that of" in ran.out


def complete(line: str, shell: str = "complete_bash") -> list[str]:
    words = line.split(" ")
    ran = subprocess.run(
        [sys.executable, "-m", "attnasr_cli"],
        env={
            **os.environ,
            "_ATTNASR_COMPLETE": shell,
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.split()


def test_the_tab_key_knows_commands_and_options() -> None:
    assert {"transcribe", "train"} <= set(complete("attnasr tr"))
    assert "--max-line-width" in complete("attnasr transcribe --max")


@pytest.mark.parametrize("flag", ["--show-completion"])
def test_the_script_for_the_shell(attnasr: Callable[..., Ran], flag: str) -> None:
    ran = attnasr(flag, "bash")
    assert ran.code == 0
    assert "_ATTNASR_COMPLETE" in ran.out
