"""What a decoder is taught to write for a text, and how its own writing is read while it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.text.tokenizer import Tokenizer
from attnasr_cli.training.evaluate import joint_reader
from attnasr_cli.training.recipe import Recipe


@dataclass(frozen=True)
class Writing:
    """The part of training that depends on the tokens of a model."""

    prompt: tuple[int, ...]
    """fed in front of every text and not scored"""
    eos: int
    """scored behind every text"""
    encode: Callable[[str], list[int]]
    """a text → its tokens, without prompt and end"""
    read: Callable[[Memory], list[str]]
    """the memory of some utterances → what the net writes for them, greedily"""
    window: int | None = None
    """frames that the net fills every utterance up to; None: it takes any length"""


def writing_for(recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Writing:
    """The one place where training asks for the style of the features."""
    if recipe.features.style == "whisper":
        from attnasr_cli.families.whisper.finetune import window_writing

        return window_writing(recipe, net, tokenizer)
    # A decoder that is not trained must not have a say.
    ctc = 1.0 if recipe.loss.ctc == 1.0 else recipe.decoding.ctc_weight
    read = joint_reader(net, tokenizer, ctc)
    return Writing((tokenizer.bos,), tokenizer.eos, tokenizer.encode, read)
