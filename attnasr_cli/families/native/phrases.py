"""Decoding one of the user's phrases for each segment, in any kind of tokens."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import UsageError
from attnasr_cli.families.native.joint_search import Heard, JointSearch
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.families.phrases.choose import Choice, PhraseList
from attnasr_cli.families.phrases.read import read_phrases
from attnasr_cli.families.spelling import Speller
from attnasr_cli.nets.protocol import Memory
from attnasr_cli.text import normalize
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.text.tokenizer import UNKNOWN

WAYS = 32
"""most pronunciations of a phrase: combinations of those of its words"""
FREE_TEXT = {"nbest": 1, "patience": 1.0, "length_penalty": None, "lm_weight": None}
"""options for free text only, with their default values"""


def phrase_list(model: Model, options: NativeOptions) -> PhraseList | None:
    """The phrases in the tokens of a model; None where none are given. Raises UsageError for a
    phrase that it cannot write."""
    phrases = read_phrases(options.phrases, options.reject)
    if not phrases:
        return None
    for name, default in FREE_TEXT.items():
        if getattr(options, name) != default:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{flag} with --phrases", "it is for free text; leave it out")
    net, tokenizer, normalizer = model.net, model.tokenizer, model.header.text.normalizer
    speller = Speller(tokenizer, normalizer)
    written = normalize.get(normalizer)

    def encode(spelling: str) -> list[list[int]]:
        if isinstance(tokenizer, PhoneTokenizer):
            return _spoken(spelling, speller, model.header.name)
        tokens = tokenizer.encode(written(spelling))
        if UNKNOWN in tokens:
            raise UsageError(
                f"model {model.header.name} cannot write the phrase {spelling!r}",
                "it has characters that no training text had",
            )
        return [tokens]

    vocab = tokenizer.vocab_size
    return PhraseList(phrases, options.reject, encode, tokenizer.eos, vocab, net.max_tokens)


def _spoken(phrase: str, speller: Speller, model: str) -> list[list[int]]:
    """All pronunciations of a phrase as tokens, the usual one first."""
    words: list[Sequence[Sequence[int]]] = []
    for word in phrase.split():
        ways = speller.ways(word)
        if not ways:
            raise UsageError(
                f"model {model} does not know how to say {word!r} in the phrase {phrase!r}",
                "write numbers and signs as words",
            )
        words.append(ways)
    combined = itertools.islice(itertools.product(*words), WAYS)
    return [list(itertools.chain.from_iterable(one)) for one in combined]


def choose_phrases(
    search: JointSearch,
    phrases: PhraseList,
    memory: Memory,
    logits: Tensor | None,
    others: Sequence[Heard] = (),
) -> list[Choice]:
    """The phrase of each utterance of a memory; logits (B, S, V) of the CTC head or None, and
    others as for ``JointSearch``."""
    # The language model knows sentences: among phrases of a list, each is as likely as another.
    alone = replace(search, scorers=(), length_penalty=0.0, patience=1.0, nbest=1)
    found = alone.among(phrases.scorer, memory, logits, others)
    free = alone(memory, logits, others)
    return [phrases.choose(*both) for both in zip(found, free, strict=True)]
