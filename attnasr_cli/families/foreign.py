"""Describes checkpoints that no family reads, from their first bytes and tables."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attnasr_cli.errors import ModelError

CTC = ("ctc", "wav2vec2", "hubert", "wavlm", "data2vec-audio", "sew", "unispeech", "mms")
TRANSDUCER = ("transducer", "rnnt", "tdt")
"""found in a ``model_type`` or the name of an architecture"""
LANGUAGE_MODEL = (
    "qwen", "voxtral", "granite", "llama", "gemma", "phi4", "audioflamingo", "ultravox", "kimi",
    "glm", "salm",
)  # fmt: skip
"""models that combine a large language model with an audio encoder"""
FILES = {
    ".nemo": "a NeMo archive (weights for transformers stand beside it on the hub, if anywhere)",
    ".onnx": "an ONNX graph",
    ".gguf": "a GGUF file",
    ".bin": "a .bin file that does not start as a ggml file does",
    ".tflite": "a TensorFlow Lite graph",
}


def ctranslate2_spec(file: Path) -> str | None:
    """The architecture that a ``model.bin`` of CTranslate2 names, or None for any other file."""
    try:
        with file.open("rb") as stream:
            head = stream.read(6)
            name = stream.read(struct.unpack("<H", head[4:])[0]) if len(head) == 6 else b""
    except OSError:
        return None
    text = name.rstrip(b"\0").decode("latin-1")
    return text if text.endswith("Spec") and text.isalnum() else None


def refusal(path: Path, families: Sequence[str]) -> ModelError:
    """The error for a path that no family claims, naming the families that exist."""
    known = f"families that are read: {', '.join(families)}"
    spec = ctranslate2_spec(path / "model.bin")
    if spec is not None:
        return _other(path, f"a CTranslate2 model of {spec.removesuffix('Spec')}", [spec], known)
    config = path / "config.json"
    if not config.is_file():
        kind = FILES.get(path.suffix)
        return ModelError(f"{path} is {kind}" if kind else f"{path} is not a model", known)
    try:
        table: Any = json.loads(config.read_text(encoding="utf-8"))
        names = [str(table.get("model_type", "nameless")), *map(str, table["architectures"] or ())]
    except KeyError:
        names = [str(table.get("model_type", "nameless"))]
    except (OSError, ValueError, AttributeError, TypeError) as problem:
        return ModelError(f"damaged {config}: {problem}", "copy it again")
    return _other(path, f"a {names[0]!r} model", names, known)


def _other(path: Path, what: str, names: Sequence[str], known: str) -> ModelError:
    text = " ".join(names).lower()
    for kind, marks in (("transducer", TRANSDUCER), ("CTC", CTC)):
        if any(mark in text for mark in marks):
            return ModelError(
                f"{path} is {what}: a {kind} model, not an attention encoder-decoder", known
            )
    if any(mark in text for mark in LANGUAGE_MODEL):
        return ModelError(
            f"{path} is {what}: a language model that hears, not an attention encoder-decoder",
            known,
        )
    hint = f"{known}; CTC and transducer models are not attention encoder-decoders"
    return ModelError(f"{path} is {what}, which no family here reads", hint)
