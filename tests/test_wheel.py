"""The artefact that users get: built, looked into, and used from another folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT_MB = 45


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build", reason="the package `build` (extra dev) makes the wheel")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (found,) = out.glob("*.whl")
    return found


def test_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"attnasr_cli"}
    assert "attnasr_cli/models/english-small/model.toml" in names
    assert "attnasr_cli/py.typed" in names
    for recipe in ("tiny", "small", "medium", "large", "commands", "whisper-finetune"):
        assert f"attnasr_cli/recipes/{recipe}.toml" in names
    assert not [n for n in names if "/train/" in n or n.endswith((".pt", ".part"))]
    assert wheel.stat().st_size < LIMIT_MB * 1e6


def test_works_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True, capture_output=True)
    sample = ROOT / "examples" / "sample.flac"
    script = (
        "import attnasr_cli, sys; from attnasr_cli.app import main;"
        f"assert attnasr_cli.__file__.startswith({str(target)!r});"
        f"sys.exit(main(['transcribe', {str(sample)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": str(target)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == (ROOT / "examples" / "sample.txt").read_text()
