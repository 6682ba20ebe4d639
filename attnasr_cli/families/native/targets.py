"""What a decoder that is trained here learns to write, and how it is read while it learns."""

from __future__ import annotations

from collections.abc import Callable

from attnasr_cli.families.native.joint_search import JointSearch
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.text.tokenizer import Tokenizer


def native_targets(net: Net, tokenizer: Tokenizer, ctc_weight: float) -> Targets:
    """Start, the tokens of the text, end. ctc_weight: share of the CTC head while reading."""
    read = greedy_reader(net, tokenizer, ctc_weight)
    return Targets((tokenizer.bos,), tokenizer.eos, tokenizer.encode, read)


def greedy_reader(
    net: Net, tokenizer: Tokenizer, ctc_weight: float
) -> Callable[[Memory], list[str]]:
    """A greedy search with the decoder, and the CTC head where there is one."""
    search = JointSearch(net, tokenizer.bos, tokenizer.eos, ctc_weight if net.has_ctc else 0.0)

    def read(memory: Memory) -> list[str]:
        logits = net.ctc(memory) if search.ctc_weight > 0 else None  # (B, S, V)
        return [tokenizer.decode(found[0].tokens) for found in search(memory, logits)]

    return read
