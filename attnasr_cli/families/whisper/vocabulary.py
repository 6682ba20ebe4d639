"""Whisper's vocabulary from files: ``tokenizer.json`` or ``.tiktoken`` ranks, and back."""

from __future__ import annotations

import base64
import binascii
import json
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from attnasr_cli.errors import ModelError
from attnasr_cli.families.whisper.languages import NAMES
from attnasr_cli.families.whisper.tokenizer import (
    TIMESTAMP_S,
    TIMESTAMPS,
    MergeRank,
    WhisperTokenizer,
    byte_letters,
)

MULTILINGUAL_VOCAB = 51865
"""the smallest vocabulary with language tokens; one less is English only"""
NEEDED = ("endoftext", "startoftranscript", "transcribe", "translate", "notimestamps")


def is_multilingual(vocab: int) -> bool:
    return vocab >= MULTILINGUAL_VOCAB


def read_vocabulary(path: Path, vocab: int) -> WhisperTokenizer:
    """Read a vocabulary and check that it has the size of the weights, ``vocab``."""
    try:
        if path.suffix == ".tiktoken":
            tokenizer = _from_ranks(path, vocab)
        else:
            tokenizer = from_json(path.read_bytes(), vocab)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as problem:
        raise ModelError(
            f"{path}: not a Whisper vocabulary ({problem})",
            "give a tokenizer.json or .tiktoken file of a Whisper model",
        ) from problem
    if tokenizer.size != vocab:
        raise ModelError(
            f"{path}: {tokenizer.size} tokens, but the weights have {vocab}",
            "take the tokenizer of the same model",
        )
    return tokenizer


def find_ranks(vocab: int) -> Path | None:
    """The ranks inside an installed openai-whisper package, or None. The package is not run."""
    spec = find_spec("whisper")
    if spec is None or not spec.submodule_search_locations:
        return None
    name = "multilingual" if is_multilingual(vocab) else "gpt2"
    path = Path(next(iter(spec.submodule_search_locations))) / "assets" / f"{name}.tiktoken"
    return path if path.is_file() else None


def from_json(content: bytes, vocab: int | None = None) -> WhisperTokenizer:
    """What a ``tokenizer.json`` holds; whether it is multilingual follows from the size of the
    weights, or from its own where that is not given. Raises ValueError, KeyError or TypeError."""
    data = json.loads(content.decode("utf-8"))
    model = data["model"]
    specials = {
        entry["content"]: int(entry["id"])
        for entry in data.get("added_tokens", [])
        if entry["content"].startswith("<|")
    }
    for name in NEEDED:
        if f"<|{name}|>" not in specials:
            raise ValueError(f"no token <|{name}|>")
    pairs = [p.split(" ") if isinstance(p, str) else p for p in model["merges"]]
    ranks = {(a, b): rank for rank, (a, b) in enumerate(pairs)}
    pieces = {p: int(i) for p, i in model["vocab"].items() if int(i) < specials["<|endoftext|>"]}

    def merge_rank(a: str, b: str) -> int | None:
        return ranks.get((a, b))

    tokenizer = WhisperTokenizer(pieces, merge_rank, specials, multilingual=False)
    tokenizer.multilingual = is_multilingual(tokenizer.size if vocab is None else vocab)
    return tokenizer


def _from_ranks(path: Path, vocab: int) -> WhisperTokenizer:
    letters = byte_letters()
    pieces: dict[str, int] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        token, _, rank = line.partition(" ")
        if token:
            pieces["".join(letters[b] for b in base64.b64decode(token))] = int(rank)
    multilingual = is_multilingual(vocab)
    return WhisperTokenizer(
        pieces, _by_id(pieces), special_tokens(len(pieces), languages_in(vocab)), multilingual
    )


def _by_id(pieces: dict[str, int]) -> MergeRank:
    return lambda a, b: pieces.get(a + b)


def languages_in(vocab: int) -> int:
    """99 or 100: what is left of a vocabulary after text, other special tokens and timestamps."""
    return vocab - 51765 - int(is_multilingual(vocab))


def special_tokens(first: int, languages: int) -> dict[str, int]:
    """Names → tokens of the special tokens, in OpenAI's order, behind ``first`` text pieces."""
    names = ["endoftext", "startoftranscript", *list(NAMES)[:languages], "translate", "transcribe"]
    names += ["startoflm", "startofprev", "nospeech", "notimestamps"]
    return {f"<|{name}|>": first + i for i, name in enumerate(names)}


def to_json(tokenizer: WhisperTokenizer) -> bytes:
    """The content of ``tokenizer.json`` as the tokenizers library and transformers read it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    stamps = {
        f"<|{i * TIMESTAMP_S:.2f}|>": tokenizer.timestamp_begin + i for i in range(TIMESTAMPS)
    }
    named = {n: t for n, t in tokenizer.specials.items() if n not in stamps}
    added = [_added(name, token, True) for name, token in named.items()]
    added += [_added(name, token, False) for name, token in stamps.items()]
    data: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": sorted(added, key=lambda entry: entry["id"]),
        "normalizer": None,
        "pre_tokenizer": byte_level | {"use_regex": True},
        "post_processor": None,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": tokenizer.vocabulary,
            "merges": [list(pair) for pair in merges(tokenizer)],
        },
    }
    return json.dumps(data, ensure_ascii=False).encode()


def _added(name: str, token: int, special: bool) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": token, "content": name, **flags, "special": special}


def merges(tokenizer: WhisperTokenizer) -> list[tuple[str, str]]:
    """The two parts of each piece longer than a byte, in the order of tokens: a piece is what
    byte-pair encoding with all earlier merges leaves in two."""
    found = []
    for piece in sorted(tokenizer.vocabulary, key=lambda piece: tokenizer.vocabulary[piece]):
        parts = list(piece)
        while len(parts) > 2:
            ranks = [tokenizer.merge_rank(a, b) for a, b in pairwise(parts)]
            known = [(r, i) for i, r in enumerate(ranks) if r is not None]
            if not known:
                break
            _, i = min(known)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if len(parts) == 2:
            found.append((parts[0], parts[1]))
    return found
