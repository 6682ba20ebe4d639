"""A recipe: a TOML file that makes a model. Every key has a meaning here and a default."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.folder import DecodingConfig
from attnasr_cli.checkpoint.tables import from_table
from attnasr_cli.errors import UsageError
from attnasr_cli.families.registry import family_of_net


@dataclass(frozen=True)
class TextConfig:
    """``[text]``: the tokenizer."""

    kind: str = "bpe"
    """bpe, unigram, char, or phones"""
    vocab: int = 256
    """pieces for bpe and unigram"""
    normalizer: str = "lower"
    """of the training text: none or lower (lower case, single spaces)"""
    lexicon: str = ""
    """for phones: the pronouncing lexicon, relative to the recipe"""

    def __post_init__(self) -> None:
        if self.kind not in ("bpe", "unigram", "char", "phones"):
            raise ValueError(f"kind is {self.kind!r}; use bpe, unigram, char or phones")
        if bool(self.lexicon) != (self.kind == "phones"):
            raise ValueError("a lexicon belongs to kind = 'phones', and it to a lexicon")
        if self.normalizer not in ("none", "lower"):
            raise ValueError(f"normalizer is {self.normalizer!r}; use none or lower")


@dataclass(frozen=True)
class DataConfig:
    """``[data]``: where the speech is; paths are relative to the recipe, or given by options."""

    train: tuple[str, ...] = ()
    """corpus folders or manifests"""
    dev: tuple[str, ...] = ()
    """held out; its WER chooses the best checkpoint"""
    min_s: float = 0.3
    """shorter utterances are left out"""
    max_s: float = 20.0
    """longer utterances are left out"""
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    """speed perturbation (Ko et al. 2015): one is drawn for each utterance and epoch"""


@dataclass(frozen=True)
class AugmentConfig:
    """``[augment]``: SpecAugment (Park et al. 2019, arXiv:1904.08779)."""

    frequency_masks: int = 2
    frequency_width: int = 27
    """mel bins at most"""
    time_masks_per_s: float = 0.5
    """masks for each second of audio"""
    time_width: int = 30
    """frames at most"""
    time_share: float = 0.4
    """share of the frames at most that all masks may cover"""


@dataclass(frozen=True)
class DistortConfig:
    """``[distort]``: what is done to the audio of each training utterance, and how probably."""

    noise: float = 0.0
    noise_folder: str = ""
    """recordings, relative to the recipe, for half of the noise; the rest is white to brown"""
    snr_db: tuple[float, float] = (0.0, 25.0)
    """power of the speech over that of the noise: the least and the most"""
    rooms: float = 0.0
    """reverberation: diffuse, or between the walls of a shoebox"""
    bands: float = 0.0
    """a high-pass of 30 to 350 Hz and a low-pass of 3 to 7.5 kHz"""
    levels: float = 0.0
    """root mean square of -40 to 3 dB against full scale, which cuts off the peaks"""
    telephone: float = 0.0
    """8 kHz, 8-bit µ-law"""
    codecs: float = 0.0
    """MP3 or Opus at 8 to 32 kbit/s"""

    def __post_init__(self) -> None:
        for name, value in self._probabilities().items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value:g}; it is a probability, 0 to 1")
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError("snr_db: the least comes first")
        if self.noise_folder and not self.noise:
            raise ValueError("noise_folder is set, and noise, its probability, is 0")

    def _probabilities(self) -> dict[str, float]:
        return {
            name: getattr(self, name)
            for name in ("noise", "rooms", "bands", "levels", "telephone", "codecs")
        }

    @property
    def any(self) -> bool:
        """Whether anything is done at all."""
        return max(self._probabilities().values()) > 0


@dataclass(frozen=True)
class LossConfig:
    """``[loss]``"""

    ctc: float = 0.3
    """share of CTC (0 to 1); the decoder's cross-entropy has the rest"""
    inner: float = 0.3
    """share of the inner heads within CTC, where the net has them"""
    smoothing: float = 0.1
    """label smoothing of the cross-entropy"""

    def __post_init__(self) -> None:
        if not 0 <= self.ctc <= 1:
            raise ValueError("ctc must lie between 0 and 1")


@dataclass(frozen=True)
class OptimConfig:
    """``[optim]``: AdamW, linear warm-up, constant rate, then a linear fall to zero."""

    updates: int = 5000
    """in all; may be changed when a run is continued"""
    rate: float = 1.0e-3
    """peak learning rate"""
    warmup: int = 500
    """updates"""
    fall: float = 0.4
    """share of the updates over which the rate falls to zero at the end"""
    weight_decay: float = 0.01
    clip: float = 5.0
    """largest norm of the gradient"""
    average: float = 0.999
    """decay of the running average of the weights, which is what is evaluated and kept"""


@dataclass(frozen=True)
class BatchConfig:
    """``[batch]``"""

    seconds: float = 120.0
    """audio in a batch, padding included; an utterance fills the window of a net that has one"""
    short_first: int = 500
    """updates during which only utterances under short_s are drawn: alignments are learnt first"""
    short_s: float = 6.0
    short_seconds: float = 60.0
    """audio in a batch during that time"""


@dataclass(frozen=True)
class RunConfig:
    """``[run]``"""

    seed: int = 1
    evaluate: int = 500
    """updates between two looks at the dev set"""
    dev_utterances: int = 100
    """utterances of the dev set that are looked at while training; all at the end"""
    save_minutes: float = 3.0
    """minutes between two resume points: no more than this is lost when killed"""


@dataclass(frozen=True)
class InitConfig:
    """``[init]``: start from a model's weights."""

    model: str
    """name or folder of a model with the same net and sizes"""
    keep_tokenizer: bool = True
    """false: the tokenizer is made anew by [text], and what depends on it starts from nothing"""
    tokenizer: str = ""
    """vocabulary file for a checkpoint that has none, relative to the recipe"""


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


def read_table(path: Path, changes: Sequence[str] = ()) -> dict[str, Any]:
    """The tables of a recipe with ``key.sub=value`` changes (values in TOML, bare words as text).

    Raises UsageError for what cannot be read or changed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"no recipe {path}", "see recipes/ in the repository for examples"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as problem:
        raise UsageError(f"{path} is not a recipe: {problem}", "a recipe is a TOML file") from None
    for change in changes:
        _apply(table, change)
    return table


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe for a speech model, changed as by ``read_table``."""
    return as_recipe(read_table(path, changes), path)


def as_recipe(table: dict[str, Any], path: Path) -> Recipe:
    """The recipe in these tables, which were read from ``path``: its paths are relative to that.

    Raises UsageError for an unknown key or a value of the wrong type or out of range.
    """
    _fill(table)
    recipe = from_table(Recipe, table, str(path), UsageError)
    if recipe.text.lexicon:
        there = replace(recipe.text, lexicon=str(path.parent / recipe.text.lexicon))
        recipe = replace(recipe, text=there)
    if recipe.distort.noise_folder:
        folder = str(path.parent / recipe.distort.noise_folder)
        recipe = replace(recipe, distort=replace(recipe.distort, noise_folder=folder))
    if recipe.init and recipe.init.tokenizer:
        beside = replace(recipe.init, tokenizer=str(path.parent / recipe.init.tokenizer))
        recipe = replace(recipe, init=beside)
    return recipe


def _fill(table: dict[str, Any]) -> None:
    """Put in the defaults of a family that has others, where the recipe says nothing."""
    for name, values in family_of_net(str(table.get("net"))).recipe_defaults.items():
        inner = table.setdefault(name, {})
        if isinstance(inner, dict):  # what is not is refused with its name right after
            table[name] = {**values, **inner}


def _apply(table: dict[str, Any], change: str) -> None:
    name, equals, text = change.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {change!r} is not key=value", "as in --set optim.updates=2000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = name.strip().split(".")
    for parent in parents:
        inner = table.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {name}: {parent} is not a table", "see the recipe")
        table = inner
    table[last] = value
