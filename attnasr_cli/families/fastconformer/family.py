"""Two families of one architecture: NVIDIA's Canary and Cohere Transcribe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attnasr_cli.families.common.claims import model_type
from attnasr_cli.families.fastconformer.published import CANARY, COHERE, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import Model
    from attnasr_cli.checkpoint.hub import Source
    from attnasr_cli.device import Placement
    from attnasr_cli.families.base import FeatureExtractor, SegmentDecoder
    from attnasr_cli.families.fastconformer.options import CohereOptions
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.families.targets import Targets
    from attnasr_cli.nets.protocol import Net
    from attnasr_cli.text.tokenizer import Tokenizer


class FastConformerFamily:
    """A FastConformer encoder, a Transformer decoder, and a prompt that says what to write."""

    extra_files: tuple[str, ...] = ("tokenizer",)
    batches_abreast = False
    cpu_batch_s = 120.0

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.name, self.style, self.nets = kind.name, kind.name, (kind.name,)
        self.published: Mapping[str, Source] = kind.published
        self.recipe_defaults: Mapping[str, Mapping[str, Any]] = {
            # Known already: how speech sounds, and how text is written with case and commas.
            "text": {"normalizer": "none"},
            "data": {"max_s": kind.longest_s, "speeds": [1.0, 0.9, 1.1]},
            "loss": {"ctc": 0.0, "smoothing": 0.0},
            "optim": {"rate": 3.0e-5, "warmup": 50, "clip": 1.0},
            "batch": {"short_first": 0},
        }

    @property
    def Options(self) -> type[CohereOptions]:  # noqa: N802 - a class
        return self.kind.options()

    def claims(self, path: Path) -> bool:
        """A Hugging Face folder with the ``model_type`` of this kind."""
        return model_type(path) == self.kind.model_type

    def load(self, path: Path, name: str, **extra: Path) -> Model:
        from attnasr_cli.families.fastconformer.checkpoint import load_model

        return load_model(self.kind, path, name, **extra)

    def export(self, model: Model, folder: Path) -> None:
        from attnasr_cli.families.fastconformer.checkpoint import save_hf

        save_hf(folder, model)

    def read_tokenizer(self, path: Path) -> Tokenizer:
        from attnasr_cli.families.fastconformer.tokenizer import PromptTokenizer
        from attnasr_cli.text.load import READERS, load_tokenizer

        own = {PromptTokenizer.file_name: PromptTokenizer.from_bytes}
        return load_tokenizer(path, {**READERS, **own})

    def features(self, config: FeatureConfig) -> FeatureExtractor:
        from attnasr_cli.families.fastconformer.features import DITHER, NemoMel

        return NemoMel(config.bins, DITHER if self.kind.dither else 0.0)

    def decoder(
        self, model: Model, placement: Placement, options: Any, batch_s: float
    ) -> SegmentDecoder:
        from attnasr_cli.families.fastconformer.decoder import FastConformerDecoder

        return FastConformerDecoder(model, placement, options, batch_s)

    def check_recipe(self, recipe: Recipe) -> None:
        from attnasr_cli.families.fastconformer.finetune import check_recipe

        check_recipe(recipe, self.kind)

    def fit_recipe(self, recipe: Recipe, start: Model) -> Recipe:
        from attnasr_cli.families.fastconformer.finetune import fit_recipe

        return fit_recipe(recipe, start)

    def targets(self, recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
        from attnasr_cli.families.fastconformer.finetune import targets

        return targets(recipe, net, tokenizer)


CANARY_FAMILY = FastConformerFamily(CANARY)
COHERE_FAMILY = FastConformerFamily(COHERE)
