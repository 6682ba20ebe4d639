"""The Moonshine family: small models on raw samples, each for one language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnasr_cli.families.common.claims import model_type
from attnasr_cli.families.moonshine.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import Model
    from attnasr_cli.checkpoint.hub import Source
    from attnasr_cli.device import Placement
    from attnasr_cli.families.base import FeatureExtractor, SegmentDecoder
    from attnasr_cli.families.moonshine.options import MoonshineOptions
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.families.targets import Targets
    from attnasr_cli.nets.protocol import Net
    from attnasr_cli.text.tokenizer import Tokenizer


class MoonshineFamily:
    """Jeffries et al. 2024, "Moonshine: Speech recognition for live transcription and voice
    commands"; Kudlur et al. 2026, "Moonshine v2: Ergodic streaming encoder ASR"."""

    name = "moonshine"
    style = "moonshine"
    nets: tuple[str, ...] = ("moonshine", "moonshine-streaming")
    published: Mapping[str, Source] = PUBLISHED
    extra_files: tuple[str, ...] = ("tokenizer",)
    batches_abreast = False
    cpu_batch_s = 120.0
    recipe_defaults: Mapping[str, Mapping[str, Any]] = {
        # Known already: how speech sounds, and how text is written with case and commas.
        "text": {"normalizer": "none"},
        "data": {"max_s": 30.0, "speeds": [1.0, 0.9, 1.1]},
        "loss": {"ctc": 0.0, "smoothing": 0.0},
        "optim": {"rate": 1.0e-4, "warmup": 50, "clip": 1.0},
        # A frame is 160 samples: what masks a bin of a spectrum would mask every tenth millisecond.
        "augment": {"frequency_masks": 0},
        "batch": {"short_first": 0},
    }

    @property
    def Options(self) -> type[MoonshineOptions]:  # noqa: N802 - a class
        from attnasr_cli.families.moonshine.options import MoonshineOptions

        return MoonshineOptions

    def claims(self, path: Path) -> bool:
        """A Hugging Face folder with ``model_type`` moonshine or moonshine_streaming."""
        return model_type(path) in ("moonshine", "moonshine_streaming")

    def load(self, path: Path, name: str, **extra: Path) -> Model:
        from attnasr_cli.families.moonshine.checkpoint import load_moonshine

        return load_moonshine(path, name, **extra)

    def export(self, model: Model, folder: Path) -> None:
        from attnasr_cli.families.moonshine.checkpoint import save_hf

        save_hf(folder, model)

    def read_tokenizer(self, path: Path) -> Tokenizer:
        from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
        from attnasr_cli.text.load import READERS, load_tokenizer

        own = {MoonshineTokenizer.file_name: MoonshineTokenizer.from_bytes}
        return load_tokenizer(path, {**READERS, **own})

    def features(self, config: FeatureConfig) -> FeatureExtractor:
        from attnasr_cli.families.moonshine.features import SampleFrames

        return SampleFrames()

    def decoder(
        self, model: Model, placement: Placement, options: Any, batch_s: float
    ) -> SegmentDecoder:
        from attnasr_cli.families.moonshine.decoder import MoonshineDecoder

        return MoonshineDecoder(model, placement, options, batch_s)

    def check_recipe(self, recipe: Recipe) -> None:
        from attnasr_cli.families.moonshine.finetune import check_recipe

        check_recipe(recipe)

    def fit_recipe(self, recipe: Recipe, start: Model) -> Recipe:
        from attnasr_cli.families.moonshine.finetune import fit_recipe

        return fit_recipe(recipe, start)

    def targets(self, recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
        from attnasr_cli.families.moonshine.finetune import moonshine_targets

        return moonshine_targets(recipe, net, tokenizer)


FAMILY = MoonshineFamily()
