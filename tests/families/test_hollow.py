"""Nets are made without values, and without torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from attnasr_cli.families.common.hollow import hollow


def test_modules_have_no_values_and_outside_they_do() -> None:
    with hollow():
        made = nn.ModuleList([nn.Linear(3, 2), nn.Embedding(4, 2), nn.LayerNorm(2)])
    assert all(parameter.is_meta for parameter in made.parameters())
    ones = {name: torch.ones(value.shape) for name, value in made.state_dict().items()}
    made.load_state_dict(ones, assign=True)
    assert not any(parameter.is_meta for parameter in made.parameters())
    assert nn.Linear(3, 2).weight.std() > 0


def test_the_compiler_is_not_imported_for_it() -> None:
    """It is two seconds of a cold start."""
    program = """
import sys
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.families.common.hollow import hollow
with hollow():
    Whisper(WhisperConfig(vocab=9, mels=8, width=8, audio_heads=2, audio_layers=1, audio_context=4,
                          text_heads=2, text_layers=1, text_context=4))
print({"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
