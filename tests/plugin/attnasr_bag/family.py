"""A complete model family in one file: features of its own, checkpoints, a decoder, targets.

Only light things are imported at the top: ``attnasr --help`` looks at the family too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from attnasr_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from attnasr_bag.decoder import BagDecoder, Loudness
    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import Model
    from attnasr_cli.device import Placement
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.families.targets import Targets
    from attnasr_cli.nets.protocol import Net
    from attnasr_cli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class BagOptions:
    """What a user may choose."""

    max_tokens: int = 20
    """tokens of a segment at most"""


class BagFamily:
    """Keeps ``attnasr_cli.families.base.Family``."""

    name = style = "bag"
    nets = ("bag",)
    published: dict[str, Any] = {}  # noqa: RUF012
    extra_files: tuple[str, ...] = ()
    batches_abreast = False
    cpu_batch_s = 60.0
    Options = BagOptions
    recipe_defaults: dict[str, dict[str, Any]] = {"loss": {"ctc": 0.0}}  # noqa: RUF012

    def claims(self, path: Path) -> bool:
        return (path / "bag.json").is_file()

    def load(self, path: Path, name: str, **extra: Path) -> Model:
        from safetensors.torch import load_file

        from attnasr_bag.net import Bag, BagConfig
        from attnasr_cli.audio.features import FeatureConfig
        from attnasr_cli.checkpoint.folder import SCHEMA, Header, Model, Text, Weights
        from attnasr_cli.text.chars import CharTokenizer

        table = json.loads((path / "bag.json").read_text(encoding="utf-8"))
        tokenizer = CharTokenizer(table["characters"])
        net = Bag(BagConfig(**table["config"]))
        net.load_state_dict(load_file(path / "bag.safetensors"))
        header = Header(
            SCHEMA,
            name,
            Bag.name,
            table["config"],
            FeatureConfig(self.style, table["config"]["bins"], "none"),
            Text(tokenizer.file_name),
            Weights("bag.safetensors", ""),
        )
        return Model(header, net.eval(), tokenizer, path)

    def export(self, model: Model, folder: Path) -> None:
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        table = {"config": asdict(model.net.config), "characters": model.tokenizer.pieces[4:]}
        (folder / "bag.json").write_text(json.dumps(table), encoding="utf-8")
        save_file(dict(model.net.state_dict()), folder / "bag.safetensors")

    def read_tokenizer(self, path: Path) -> Tokenizer:
        from attnasr_cli.text.load import load_tokenizer

        return load_tokenizer(path)

    def features(self, config: FeatureConfig) -> Loudness:
        from attnasr_bag.decoder import Loudness

        return Loudness(config.bins)

    def decoder(
        self, model: Model, placement: Placement, options: BagOptions, batch_s: float
    ) -> BagDecoder:
        from attnasr_bag.decoder import BagDecoder

        return BagDecoder(model, placement, options, self.features(model.features))

    def check_recipe(self, recipe: Recipe) -> None:
        if recipe.loss.ctc:
            raise UsageError("loss.ctc is set: a bag has no CTC head", "leave it out")

    def fit_recipe(self, recipe: Recipe, start: Model) -> Recipe:
        from dataclasses import replace

        return replace(recipe, features=start.features)

    def targets(self, recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
        from attnasr_cli.families.targets import Targets

        return Targets((tokenizer.bos,), tokenizer.eos, tokenizer.encode)


FAMILY = BagFamily()
