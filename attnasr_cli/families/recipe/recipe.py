"""A recipe: the content of a TOML file from which a model is trained. Every key has a description
and a default.

It is in this room because the families check recipes; ``training/recipes`` reads the files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.folder import DecodingConfig
from attnasr_cli.families.recipe.sections import (
    AugmentConfig,
    BatchConfig,
    DataConfig,
    DistortConfig,
    InitConfig,
    LoraConfig,
    LossConfig,
    OptimConfig,
    RunConfig,
    TextConfig,
)


@dataclass(frozen=True)
class Recipe:
    """A recipe as a whole."""

    name: str
    """of the model"""
    net: str
    """las, transformer, conformer, or one that a family or a package registers"""
    config: dict[str, Any] = field(default_factory=dict)
    """sizes of the net, except vocab and bins, which follow from [text] and [features]"""
    languages: tuple[str, ...] = ()
    """codes of what the model writes; a multilingual model learns all texts as the first of them"""
    init: InitConfig | None = None
    lora: LoraConfig | None = None
    text: TextConfig = field(default_factory=TextConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    distort: DistortConfig = field(default_factory=DistortConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    run: RunConfig = field(default_factory=RunConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    origin: dict[str, Any] = field(default_factory=dict)
    """copied into model.toml: data, licence"""
