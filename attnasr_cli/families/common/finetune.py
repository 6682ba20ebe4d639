"""Checks of recipes that start from published weights, shared by the families that are only
fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.folder import DecodingConfig, Model
from attnasr_cli.errors import ModelError, UsageError
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    from attnasr_cli.families.recipe.recipe import Recipe


def check_start(recipe: Recipe, title: str, example: str) -> None:
    """Refuse keys of a recipe that the weights of ``[init]`` determine, before anything is loaded.

    title: name of the family in messages; example: a model to start from. Raises UsageError.
    """
    if recipe.init is None:
        raise UsageError(
            f"net = {recipe.net!r} without [init]: {title} is not trained from scratch",
            f"add [init] model = {example!r}, or take the net conformer",
        )
    if not recipe.init.keep_tokenizer:
        raise UsageError(
            f"[init] keep_tokenizer = false: {title}'s weights know only their own tokens",
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
                f"{name} is set for {title}",
                "leave it out: it follows from the weights of [init]",
            )
    if recipe.decoding != DecodingConfig():
        raise UsageError(f"[decoding] is set for {title}", "give options to attnasr transcribe")
    if recipe.loss.ctc:
        raise UsageError(
            f"loss.ctc is {recipe.loss.ctc:g}: {title} has no CTC head", "leave it out"
        )


def check_longest(recipe: Recipe, longest_s: float, why: str) -> None:
    """Refuse utterances longer than ``longest_s``. Raises UsageError."""
    if recipe.data.max_s > longest_s:
        raise UsageError(
            f"data.max_s is {recipe.data.max_s:g}, {why} {longest_s:g} s",
            f"set data.max_s={longest_s:g} and cut longer recordings",
        )


def check_same_net(recipe: Recipe, start: Model) -> None:
    """Refuse a model of ``[init]`` whose net differs from that of the recipe. Raises UsageError."""
    if start.net.name != recipe.net:
        raise UsageError(
            f"[init] model {start.header.name!r} is a {start.net.name}, the recipe wants a "
            f"{recipe.net}",
            "change net, or start from another model",
        )


def not_of(title: str, net: Net, tokenizer: Tokenizer) -> ModelError:
    """The error for a net and a tokenizer that do not belong to a family."""
    return ModelError(
        f"the net {net.name} with the tokenizer {tokenizer.file_name} is not a {title} model",
        "take net, features and tokenizer from one model",
    )
