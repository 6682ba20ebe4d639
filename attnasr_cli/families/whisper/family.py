"""The Whisper family: 30 s windows, timestamps as tokens, published weights in several formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnasr_cli.families.whisper.formats import is_whisper
from attnasr_cli.families.whisper.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import Model
    from attnasr_cli.checkpoint.hub import Source
    from attnasr_cli.device import Placement
    from attnasr_cli.families.base import FeatureExtractor, SegmentDecoder
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.families.targets import Targets
    from attnasr_cli.families.whisper.options import WhisperOptions
    from attnasr_cli.nets.protocol import Net
    from attnasr_cli.text.tokenizer import Tokenizer


class WhisperFamily:
    """Radford et al. 2022, "Robust speech recognition via large-scale weak supervision"."""

    name = "whisper"
    style = "whisper"
    nets: tuple[str, ...] = ("whisper",)
    published: Mapping[str, Source] = PUBLISHED
    extra_files: tuple[str, ...] = ("tokenizer",)
    batches_abreast = False
    cpu_batch_s = 240.0
    """eight windows: with fewer, a step reads the decoder weights for too few rows"""
    recipe_defaults: Mapping[str, Mapping[str, Any]] = {
        # Known already: how speech sounds, and how text is written with case and commas.
        "text": {"normalizer": "none"},
        "data": {"max_s": 30.0, "speeds": [1.0, 0.9, 1.1]},
        "loss": {"ctc": 0.0, "smoothing": 0.0},
        "optim": {"rate": 1.0e-5, "warmup": 50, "clip": 1.0},
        "batch": {"short_first": 0},
    }

    @property
    def Options(self) -> type[WhisperOptions]:  # noqa: N802 - a class
        from attnasr_cli.families.whisper.options import WhisperOptions

        return WhisperOptions

    def claims(self, path: Path) -> bool:
        return is_whisper(path)

    def load(self, path: Path, name: str, **extra: Path) -> Model:
        from attnasr_cli.families.whisper.checkpoint import load_whisper

        return load_whisper(path, name=name, **extra)

    def export(self, model: Model, folder: Path) -> None:
        from attnasr_cli.families.whisper.checkpoint import parts_of, save_hf

        net, tokenizer = parts_of(model)
        save_hf(folder, net, tokenizer)

    def read_tokenizer(self, path: Path) -> Tokenizer:
        from attnasr_cli.families.whisper.tokenizer import WhisperTokenizer
        from attnasr_cli.text.load import READERS, load_tokenizer

        own = {WhisperTokenizer.file_name: WhisperTokenizer.from_bytes}
        return load_tokenizer(path, {**READERS, **own})

    def features(self, config: FeatureConfig) -> FeatureExtractor:
        from attnasr_cli.families.whisper.features import WhisperMel

        return WhisperMel(config.bins)

    def decoder(
        self, model: Model, placement: Placement, options: Any, batch_s: float
    ) -> SegmentDecoder:
        from attnasr_cli.families.whisper.decode.decoder import WhisperDecoder

        return WhisperDecoder(model, placement, options, batch_s)

    def check_recipe(self, recipe: Recipe) -> None:
        from attnasr_cli.families.whisper.finetune import check_recipe

        check_recipe(recipe)

    def fit_recipe(self, recipe: Recipe, start: Model) -> Recipe:
        from attnasr_cli.families.whisper.finetune import fit_recipe

        return fit_recipe(recipe, start)

    def targets(self, recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
        from attnasr_cli.families.whisper.finetune import whisper_targets

        return whisper_targets(recipe, net, tokenizer)


FAMILY = WhisperFamily()
