"""Whisper's vocabulary from files: ``tokenizer.json``, ``.tiktoken`` or plain lists, and back."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from attnasr_cli.families.languages import NAMES

TIMESTAMPS = 1501  # 0.00 s to 30.00 s in steps of 20 ms
TIMESTAMP_S = 0.02


MULTILINGUAL_VOCAB = 51865
"""the smallest vocabulary with language tokens; one less is English only"""
SPECIAL = re.compile(r"<\|.+\|>")
NEEDED = ("endoftext", "startoftranscript", "transcribe", "translate", "notimestamps")


MergeRank = Callable[[str, str], int | None]
"""How early two adjacent pieces (in byte-level letters) are merged; None: never."""


@dataclass(frozen=True)
class Vocabulary:
    """The content of a vocabulary file."""

    pieces: dict[str, int]
    """text pieces in byte-level letters → token"""
    merge_rank: MergeRank
    specials: dict[str, int]
    """names like ``<|startoftranscript|>`` → token; timestamps need not be there"""


def byte_letters() -> dict[int, str]:
    """GPT-2's printable letter for each byte: visible Latin-1 stands for itself, the rest is moved
    up behind U+0100."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in visible]
    return {b: chr(b) for b in visible} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def is_multilingual(vocab: int) -> bool:
    return vocab >= MULTILINGUAL_VOCAB


def find_ranks(vocab: int) -> Path | None:
    """The ranks inside an installed openai-whisper package, or None. The package is not run."""
    spec = find_spec("whisper")
    if spec is None or not spec.submodule_search_locations:
        return None
    name = "multilingual" if is_multilingual(vocab) else "gpt2"
    path = Path(next(iter(spec.submodule_search_locations))) / "assets" / f"{name}.tiktoken"
    return path if path.is_file() else None


def from_json(content: bytes) -> Vocabulary:
    """The vocabulary in a ``tokenizer.json``. Raises ValueError, KeyError or TypeError."""
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

    return Vocabulary(pieces, merge_rank, specials)


def from_ranks(path: Path, vocab: int) -> Vocabulary:
    """The vocabulary in a ``.tiktoken`` file, for weights with ``vocab`` tokens. Raises
    ValueError."""
    letters = byte_letters()
    pieces: dict[str, int] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        token, _, rank = line.partition(" ")
        if token:
            pieces["".join(letters[b] for b in base64.b64decode(token))] = int(rank)
    specials = special_tokens(len(pieces), languages_in(vocab))
    return Vocabulary(pieces, _by_id(pieces), specials)


def from_list(names: list[str]) -> Vocabulary:
    """The vocabulary in a list of all tokens in byte-level letters. Raises ValueError."""
    specials = {name: i for i, name in enumerate(names) if SPECIAL.fullmatch(name)}
    for name in NEEDED:
        if f"<|{name}|>" not in specials:
            raise ValueError(f"no token <|{name}|>")
    pieces = {name: i for i, name in enumerate(names[: specials["<|endoftext|>"]])}
    return Vocabulary(pieces, _by_id(pieces), specials)


def from_pieces(pieces: list[bytes], vocab: int) -> Vocabulary:
    """What a list of text pieces in bytes holds, for weights with ``vocab`` tokens: the names of
    special tokens, and timestamps, follow from that number. Raises ValueError."""
    languages = languages_in(vocab)
    # Behind the text: start and end, languages, and as many others as special_tokens has.
    first = vocab - TIMESTAMPS - len(special_tokens(0, languages))
    if not 256 <= first <= len(pieces):
        raise ValueError(f"{len(pieces)} pieces of text for {vocab} tokens")
    letters = byte_letters()
    table = {"".join(letters[b] for b in piece): i for i, piece in enumerate(pieces[:first])}
    return Vocabulary(table, _by_id(table), special_tokens(first, languages))


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


def to_json(vocabulary: Vocabulary, timestamp_begin: int) -> bytes:
    """The content of ``tokenizer.json`` as the tokenizers library and transformers read it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    stamps = {f"<|{i * TIMESTAMP_S:.2f}|>": timestamp_begin + i for i in range(TIMESTAMPS)}
    named = {n: t for n, t in vocabulary.specials.items() if n not in stamps}
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
            "vocab": vocabulary.pieces,
            "merges": [list(pair) for pair in merges(vocabulary)],
        },
    }
    return json.dumps(data, ensure_ascii=False).encode()


def _added(name: str, token: int, special: bool) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": token, "content": name, **flags, "special": special}


def merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """The two parts of each piece longer than a byte, in the order of tokens: a piece is what
    byte-pair encoding with all earlier merges leaves in two."""
    found = []
    for piece in sorted(vocabulary.pieces, key=lambda piece: vocabulary.pieces[piece]):
        parts = list(piece)
        while len(parts) > 2:
            ranks = [vocabulary.merge_rank(a, b) for a, b in pairwise(parts)]
            known = [(r, i) for i, r in enumerate(ranks) if r is not None]
            if not known:
                break
            _, i = min(known)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if len(parts) == 2:
            found.append((parts[0], parts[1]))
    return found
