"""The training targets of the nets that are trained here."""

from __future__ import annotations

from attnasr_cli.families.targets import Targets
from attnasr_cli.text.tokenizer import Tokenizer


def native_targets(tokenizer: Tokenizer) -> Targets:
    """Start, the tokens of the text, end."""
    return Targets((tokenizer.bos,), tokenizer.eos, tokenizer.encode)
