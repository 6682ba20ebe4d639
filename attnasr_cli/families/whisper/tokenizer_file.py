"""Reads a vocabulary file and checks it against the weights."""

from __future__ import annotations

import binascii
import json
from pathlib import Path

from attnasr_cli.errors import ModelError
from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
from attnasr_cli.families.whisper.vocabulary import from_json, from_list, from_ranks


def read_vocabulary(path: Path, vocab: int) -> WhisperTokenizer:
    """Read a vocabulary and check that it has the size of the weights, ``vocab``."""
    if not path.is_file():
        raise ModelError(f"no tokenizer file {path}", "check the path")
    try:
        if path.suffix == ".tiktoken":
            found = from_ranks(path, vocab)
        elif path.name == "vocabulary.txt":
            found = from_list(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        elif path.name == "vocabulary.json":
            found = from_list(json.loads(path.read_text(encoding="utf-8")))
        else:
            found = from_json(path.read_bytes())
        tokenizer = WhisperTokenizer.of(found, vocab)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as problem:
        raise ModelError(
            f"{path}: not a Whisper vocabulary ({problem})",
            "give a tokenizer.json or .tiktoken file of a Whisper model",
        ) from problem
    return checked(tokenizer, vocab, path)


def checked(tokenizer: WhisperTokenizer, vocab: int, path: Path) -> WhisperTokenizer:
    """The tokenizer, if it has the size of the weights, ``vocab``; else ModelError."""
    if tokenizer.size != vocab:
        raise ModelError(
            f"{path}: {tokenizer.size} tokens, but the weights have {vocab}",
            "take the tokenizer of the same model",
        )
    return tokenizer
