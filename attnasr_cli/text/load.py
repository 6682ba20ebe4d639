"""The tokenizer file of a model folder: its name says which kind it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from attnasr_cli.errors import ModelError
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.subwords import BpeTokenizer
from attnasr_cli.text.tokenizer import Tokenizer

Readers = Mapping[str, Callable[[bytes], Tokenizer]]
"""file name → from_bytes"""

READERS: Readers = {
    CharTokenizer.file_name: CharTokenizer.from_bytes,
    BpeTokenizer.file_name: BpeTokenizer.from_bytes,
    PhoneTokenizer.file_name: PhoneTokenizer.from_bytes,
}


def load_tokenizer(path: Path, readers: Readers = READERS) -> Tokenizer:
    """Read a tokenizer file. Raises ModelError where it is missing, damaged or of no known kind."""
    if path.name not in readers:
        raise ModelError(f"unknown tokenizer file {path.name}", f"known: {', '.join(readers)}")
    try:
        return readers[path.name](path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"no tokenizer file {path}", "the model folder is incomplete") from None
    except (ValueError, RuntimeError) as problem:
        raise ModelError(f"damaged tokenizer file {path}: {problem}", "copy it again") from None
