"""Fine-tuning of Canary's and Cohere's weights: checks of the recipe, and targets.

The decoder is trained with the prompt that ``transcribe`` uses: language, punctuation or none; then
the text and the end token. Statistics of batch normalisation stay fixed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attnasr_cli import console
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import UsageError
from attnasr_cli.families.common.finetune import (
    check_longest,
    check_same_net,
    check_start,
    not_of,
)
from attnasr_cli.families.fastconformer.checkpoint import parts_of
from attnasr_cli.families.fastconformer.decoder import DEFAULT_LANGUAGE
from attnasr_cli.families.fastconformer.net import FastConformer
from attnasr_cli.families.fastconformer.published import KINDS, Kind
from attnasr_cli.families.fastconformer.tokenizer import PromptTokenizer
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.families.recipe.recipe import Recipe


def check_recipe(recipe: Recipe, kind: Kind) -> None:
    """Refuse keys that cannot be chosen, before anything is loaded. Raises UsageError."""
    check_start(recipe, kind.title, next(iter(kind.published)))
    check_longest(recipe, kind.longest_s, f"{kind.title} was trained on")


def fit_recipe(recipe: Recipe, start: Model) -> Recipe:
    """The recipe with values that follow from the weights. Raises UsageError where it contradicts
    them."""
    check_same_net(recipe, start)
    kind, net, tokenizer = parts_of(start)
    net.float()  # matrices may have come in 16 bits
    codes = tuple(language_code(language) for language in recipe.languages)
    unknown = [code for code in codes if code not in tokenizer.languages]
    if unknown:
        raise UsageError(
            f"languages = {list(codes)}: {kind.title} has no token for {unknown[0]}",
            "take another language, or another model",
        )
    why = "the first of the recipe's languages" if codes else "as the recipe has no languages"
    codes = codes or (DEFAULT_LANGUAGE,)
    console.note(f"learns to write {codes[0]}: {why}")
    return replace(recipe, features=start.features, decoding=start.decoding, languages=codes)


def targets(recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
    """The prompt, the tokens of the text, the end; with punctuation unless the recipe takes it out
    of the texts."""
    kind = KINDS[recipe.net]
    if not isinstance(net, FastConformer) or not isinstance(tokenizer, PromptTokenizer):
        raise not_of(kind.title, net, tokenizer)
    vocabulary, code = tokenizer, recipe.languages[0]
    punctuation = recipe.text.normalizer == "none"
    prompt = vocabulary.prompt(code, code, punctuation, "", kind.space_first)

    def encode(text: str) -> list[int]:
        return vocabulary.encode(text.strip())

    return Targets(tuple(prompt), vocabulary.eos, encode)
