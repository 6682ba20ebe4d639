"""Devices and precisions that cannot be are refused before a model is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from attnasr_cli import device, process
from attnasr_cli.errors import UsageError


@pytest.fixture
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the machine had one device with bfloat16."""
    fake = SimpleNamespace(
        is_available=lambda: True,
        current_device=lambda: 0,
        device_count=lambda: 1,
        get_device_name=lambda index: "a device",
        get_device_capability=lambda device: (8, 0),
    )
    monkeypatch.setattr(torch, "cuda", fake)


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "auto"])
def test_int8_is_refused_off_the_cpu(name: str) -> None:
    """Its layers live on a CPU: every segment would fail."""
    with pytest.raises(UsageError, match="int8 is for CPUs") as caught:
        device.choose(name, "int8")
    assert caught.value.hint
    assert device.choose("cpu", "int8").dtype == "int8"
    assert device.choose(name, "auto").dtype == "bfloat16"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of GNU's OpenMP")
@pytest.mark.parametrize("chosen", [{}, {"GOMP_SPINCOUNT": "77"}])
def test_the_program_does_not_spin_long(chosen: dict[str, str]) -> None:
    """Said by the library itself, as it starts with torch."""
    code = "from attnasr_cli import app; app.main = lambda: __import__('torch') and 0; app.run()"
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    env = kept | {"OMP_DISPLAY_ENV": "VERBOSE"} | chosen
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    if "GOMP_SPINCOUNT" not in ran.stderr:
        pytest.skip("this torch has another OpenMP")
    spins = chosen.get("GOMP_SPINCOUNT", str(process.SPINS))
    assert f"GOMP_SPINCOUNT = '{spins}'" in ran.stderr
