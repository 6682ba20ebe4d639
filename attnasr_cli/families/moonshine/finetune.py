"""Fine-tuning of Moonshine's weights: checks of the recipe, and targets.

Targets are the start token, the text and the end token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.errors import UsageError
from attnasr_cli.families.common.finetune import (
    check_longest,
    check_same_net,
    check_start,
    not_of,
)
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.moonshine.checkpoint import parts_of
from attnasr_cli.families.moonshine.decoder import LONGEST_S
from attnasr_cli.families.moonshine.net import SampleNet
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.families.recipe.recipe import Recipe


def check_recipe(recipe: Recipe) -> None:
    """Refuse keys that cannot be chosen, before anything is loaded. Raises UsageError."""
    check_start(recipe, "Moonshine", f"{recipe.net}-tiny")
    if recipe.augment.frequency_masks:
        raise UsageError(
            "augment.frequency_masks is set: Moonshine hears samples, not frequencies",
            "leave it out; [distort] bands removes frequencies from the audio",
        )
    check_longest(recipe, LONGEST_S, "Moonshine was trained on")


def fit_recipe(recipe: Recipe, start: Model) -> Recipe:
    """The recipe with values that follow from the weights. Raises UsageError where it contradicts
    them."""
    check_same_net(recipe, start)
    net, _ = parts_of(start)
    check_longest(recipe, net.longest_s, "this model holds")
    # The vocabulary spells any language, and one model has been taught another language before.
    codes = tuple(language_code(language) for language in recipe.languages)
    return replace(
        recipe,
        features=start.features,
        decoding=start.decoding,
        languages=codes or start.header.languages,
    )


def moonshine_targets(recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
    """Start, the tokens of the text, end."""
    if not isinstance(net, SampleNet) or not isinstance(tokenizer, MoonshineTokenizer):
        raise not_of("Moonshine", net, tokenizer)
    vocabulary = tokenizer

    def encode(text: str) -> list[int]:
        return vocabulary.encode(text.strip())

    return Targets((vocabulary.bos,), vocabulary.eos, encode)
