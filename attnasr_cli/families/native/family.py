"""The family of the nets that are trained here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attnasr_cli.errors import ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import Model
    from attnasr_cli.checkpoint.hub import Source
    from attnasr_cli.device import Placement
    from attnasr_cli.families.base import FeatureExtractor, SegmentDecoder
    from attnasr_cli.families.native.options import NativeOptions
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.families.targets import Targets
    from attnasr_cli.nets.protocol import Net
    from attnasr_cli.text.tokenizer import Tokenizer


KINDS = {
    "characters.json": ("char",),
    "sentencepiece.model": ("bpe", "unigram"),
    "lexicon.txt": ("phones",),
}
"""tokenizer file → the kinds of ``[text]`` that make it"""


class NativeFamily:
    """Log-mel features, an attention decoder, most often a CTC head beside it."""

    name = "native"
    style = "logmel"
    nets: tuple[str, ...] = ("las", "transformer", "conformer")
    published: Mapping[str, Source] = {}
    extra_files: tuple[str, ...] = ()
    batches_abreast = True
    cpu_batch_s = 120.0
    recipe_defaults: Mapping[str, Mapping[str, Any]] = {}

    @property
    def Options(self) -> type[NativeOptions]:  # noqa: N802 - a class
        from attnasr_cli.families.native.options import NativeOptions

        return NativeOptions

    def claims(self, path: Path) -> bool:
        return False  # its models are folders with a model.toml

    def load(self, path: Path, name: str, **extra: Path) -> Model:
        raise ModelError(f"{path} is not a model folder", "it has no model.toml")

    def export(self, model: Model, folder: Path) -> None:
        raise ModelError(
            f"model {model.header.name} is a {model.header.net}, which has no Hugging Face form",
            "copy its folder as it is",
        )

    def read_tokenizer(self, path: Path) -> Tokenizer:
        from attnasr_cli.text.load import load_tokenizer

        return load_tokenizer(path)

    def features(self, config: FeatureConfig) -> FeatureExtractor:
        from attnasr_cli.audio.features import LogMel

        return LogMel(config)

    def decoder(
        self, model: Model, placement: Placement, options: Any, batch_s: float
    ) -> SegmentDecoder:
        from attnasr_cli.families.native.decoder import NativeDecoder

        return NativeDecoder(model, placement, options, batch_s)

    def check_recipe(self, recipe: Recipe) -> None:
        """Whatever the dataclasses of a recipe allow can be trained."""

    def fit_recipe(self, recipe: Recipe, start: Model) -> Recipe:
        if start.net.name != recipe.net:
            raise UsageError(
                f"[init] model {start.header.name!r} is a {start.net.name}, the recipe wants a "
                f"{recipe.net}",
                "change net, or start from another model",
            )
        _refuse_what_follows(recipe, start)
        recipe = replace(recipe, features=_features(recipe.features, start.features))
        untouched = recipe.decoding == type(recipe.decoding)()
        if recipe.init and recipe.init.keep_tokenizer and untouched:
            recipe = replace(recipe, decoding=start.decoding)
        return recipe

    def targets(self, recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
        from attnasr_cli.families.native.targets import native_targets

        return native_targets(tokenizer)


def _features(given: FeatureConfig, own: FeatureConfig) -> FeatureConfig:
    """Those of the model of ``[init]``, but for what does not depend on its weights: how short they
    may be, and that they are normalised by the corpus that is learnt now."""
    found = replace(own, shortest_s=given.shortest_s or own.shortest_s)
    if given.normalize == "corpus":
        found = replace(found, normalize="corpus", corpus=given.corpus)
    return found


def _refuse_what_follows(recipe: Recipe, start: Model) -> None:
    """Raise UsageError where the recipe says something else than the model of ``[init]``."""
    for name, wanted in recipe.config.items():
        own = start.header.config.get(name)
        if wanted != (list(own) if isinstance(own, tuple) else own):
            raise UsageError(
                f"[config] {name} = {wanted!r}, the model of [init] has {own!r}",
                "leave [config] out beside [init], or train without [init]",
            )
    fitted = _features(recipe.features, start.features)
    shortest_s = fitted.shortest_s
    default = replace(type(fitted)(), shortest_s=shortest_s)
    if replace(recipe.features, shortest_s=shortest_s) not in (fitted, default):
        raise UsageError(
            "[features] is not that of the model of [init]", "leave [features] out beside [init]"
        )
    plain = type(recipe.text)(normalizer=recipe.text.normalizer)
    kinds = KINDS.get(start.tokenizer.file_name, ())
    if not recipe.init or not recipe.init.keep_tokenizer or recipe.text == plain:
        return
    if recipe.text.kind not in kinds or recipe.text.vocab not in (
        plain.vocab,
        start.tokenizer.vocab_size,
    ):
        raise UsageError(
            "[text] is set, and the tokenizer of the model of [init] is another, and kept",
            "leave [text] out, or set init.keep_tokenizer = false",
        )


FAMILY = NativeFamily()
