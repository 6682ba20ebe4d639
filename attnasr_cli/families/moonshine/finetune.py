"""Fine-tuning of Moonshine's weights: what a recipe may ask for, and what the decoder is taught.

It learns to write as it reads: start, text, end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.folder import DecodingConfig, Model
from attnasr_cli.errors import ModelError, UsageError
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.moonshine.checkpoint import parts_of
from attnasr_cli.families.moonshine.decoder import LONGEST_S
from attnasr_cli.families.moonshine.net import Moonshine
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.families.recipe.recipe import Recipe


def check_recipe(recipe: Recipe) -> None:
    """Refuse, before anything is loaded, what cannot be chosen. Raises UsageError."""
    if recipe.init is None:
        raise UsageError(
            "net = 'moonshine' without [init]: Moonshine is not trained from scratch",
            "add [init] model = 'moonshine-tiny', or take the net conformer",
        )
    if not recipe.init.keep_tokenizer:
        raise UsageError(
            "[init] keep_tokenizer = false: Moonshine's weights know only their own tokens",
            "leave keep_tokenizer out",
        )
    plain = type(recipe.text)(normalizer=recipe.text.normalizer)
    for name, chosen in (
        ("[config]", bool(recipe.config)),
        ("[features]", recipe.features != FeatureConfig()),
        ("[text] kind, vocab or lexicon", recipe.text != plain),
    ):
        if chosen:
            raise UsageError(
                f"{name} is set for Moonshine",
                "leave it out: it follows from the weights of [init]",
            )
    if recipe.decoding != DecodingConfig():
        raise UsageError("[decoding] is set for Moonshine", "give options to attnasr transcribe")
    if recipe.loss.ctc:
        raise UsageError(
            f"loss.ctc is {recipe.loss.ctc:g}: Moonshine has no CTC head", "leave it out"
        )
    if recipe.augment.frequency_masks:
        raise UsageError(
            "augment.frequency_masks is set: Moonshine hears samples, not frequencies",
            "leave it out; [distort] bands removes frequencies from the audio",
        )
    if recipe.data.max_s > LONGEST_S:
        raise UsageError(
            f"data.max_s is {recipe.data.max_s:g}, Moonshine was trained on {LONGEST_S:g} s",
            f"set data.max_s={LONGEST_S:g} and cut longer recordings",
        )


def fit_recipe(recipe: Recipe, start: Model) -> Recipe:
    """The recipe with what follows from the weights. Raises UsageError where both cannot be."""
    if start.net.name != recipe.net:
        raise UsageError(
            f"[init] model {start.header.name!r} is a {start.net.name}, the recipe wants a "
            f"{recipe.net}",
            "change net, or start from another model",
        )
    parts_of(start)
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
    if not isinstance(net, Moonshine) or not isinstance(tokenizer, MoonshineTokenizer):
        raise ModelError(
            f"the net {net.name} with the tokenizer {tokenizer.file_name} is not a Moonshine model",
            "take net, features and tokenizer from one model",
        )
    vocabulary = tokenizer

    def encode(text: str) -> list[int]:
        return vocabulary.encode(text.strip())

    return Targets((vocabulary.bos,), vocabulary.eos, encode)
