"""What training holds in memory: neither a resume point nor a recording of hours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile


def peak_mb(code: str, folder: Path) -> float:
    """Megabytes by which a program's memory grows from ``start()`` to its end."""
    program = (
        "import resource, sys\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        f"{code}\nprint(peak() - before)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    return float(ran.stdout.split()[-1])


def test_a_resume_point_is_not_built_in_memory(tmp_path: Path) -> None:
    grown = peak_mb(
        "import torch\nfrom pathlib import Path\n"
        "from attnasr_cli.training.resume import save_state\n"
        "parts = {'x': torch.ones(50_000_000)}\nbefore = peak()\n"
        "save_state(Path(sys.argv[1]) / 'state.pt', parts)",
        tmp_path,
    )
    assert grown < 100  # of 200 MB


def test_a_recording_of_two_hours_costs_no_memory_and_is_named(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 8000, 1, "PCM_U8") as file:
        for _ in range(120):
            file.write(np.zeros(8000 * 60, np.float32))
    grown = peak_mb(
        "from pathlib import Path\nimport torch\n"
        "from attnasr_cli.audio.features import FeatureConfig\n"
        "from attnasr_cli.training.data.cache import load_utterance\n"
        "from attnasr_cli.training.formats.utterance import Utterance\n"
        "from attnasr_cli.errors import DataError\n"
        "import attnasr_cli.audio._torchaudio\n"
        "before = peak()\n"
        "try: load_utterance(Utterance('a', Path(sys.argv[1]) / 'long.wav', 'x'), 20.0)\n"
        "except DataError as problem: assert '7200.0 s long' in problem.message\n"
        "else: raise SystemExit('not refused')",
        tmp_path,
    )
    assert grown < 200
