"""attnasr: speech to text with attention encoder-decoders (LAS, Transformer, Conformer, Whisper).

The public names are lazy: importing this package imports no torch.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "load": "attnasr_cli.recognize.recognizer",
    "Recognizer": "attnasr_cli.recognize.recognizer",
    "Transcript": "attnasr_cli.recognize.transcript",
    "score": "attnasr_cli.scoring.api",
    "Score": "attnasr_cli.scoring.wer",
    "AttnasrError": "attnasr_cli.errors",
    "UsageError": "attnasr_cli.errors",
    "AudioError": "attnasr_cli.errors",
    "ModelError": "attnasr_cli.errors",
    "DataError": "attnasr_cli.errors",
    "OutputError": "attnasr_cli.errors",
}

__all__ = [
    "AttnasrError",
    "AudioError",
    "DataError",
    "ModelError",
    "OutputError",
    "Recognizer",
    "Score",
    "Transcript",
    "UsageError",
    "__version__",
    "load",
    "score",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'attnasr_cli' has no attribute {name!r}")
