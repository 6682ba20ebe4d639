"""attnasr: speech to text with attention encoder-decoders (LAS, Transformer, Conformer, Whisper).

    import attnasr_cli

    recognizer = attnasr_cli.load("english-small")
    for transcript in recognizer.transcribe(["a.wav", "b.mp3"]):
        print(transcript.text)

The public names are lazy: importing this package imports no torch. ``docs/python.md`` has more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnasr_cli.version import __version__

if TYPE_CHECKING:
    from attnasr_cli.device import keep_freed_memory
    from attnasr_cli.errors import (
        AttnasrError,
        AudioError,
        ClusterError,
        DataError,
        ModelError,
        OutputError,
        UsageError,
    )
    from attnasr_cli.families.base import Word
    from attnasr_cli.recognize.recognizer import Recognizer, load
    from attnasr_cli.recognize.transcript import Segment, Transcript
    from attnasr_cli.scoring.api import score
    from attnasr_cli.scoring.wer import Score

_LAZY = {
    "load": "recognize.recognizer",
    "Recognizer": "recognize.recognizer",
    "Transcript": "recognize.transcript",
    "Segment": "recognize.transcript",
    "Word": "families.base",
    "score": "scoring.api",
    "Score": "scoring.wer",
    "AttnasrError": "errors",
    "UsageError": "errors",
    "AudioError": "errors",
    "ModelError": "errors",
    "DataError": "errors",
    "OutputError": "errors",
    "ClusterError": "errors",
    "keep_freed_memory": "device",
}

__all__ = [
    "AttnasrError",
    "AudioError",
    "ClusterError",
    "DataError",
    "ModelError",
    "OutputError",
    "Recognizer",
    "Score",
    "Segment",
    "Transcript",
    "UsageError",
    "Word",
    "__version__",
    "keep_freed_memory",
    "load",
    "score",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"attnasr_cli.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'attnasr_cli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
