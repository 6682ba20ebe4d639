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


def _within(low: float, high: float, **values: float) -> None:
    """Raise ValueError for a value that is not between two bounds, both allowed."""
    for name, value in values.items():
        if not low <= value <= high:
            bounds = f"{low:g} or more" if high == INFINITE else f"from {low:g} to {high:g}"
            raise ValueError(f"{name} is {value:g}; use {bounds}")


INFINITE = float("inf")
TINY = 1.0e-9  # stands for: more than 0


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
        _within(1, INFINITE, vocab=self.vocab)
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

    def __post_init__(self) -> None:
        _within(0, INFINITE, min_s=self.min_s)
        if self.max_s <= self.min_s:
            raise ValueError(f"max_s is {self.max_s:g}, not more than min_s, {self.min_s:g}")
        if not self.speeds:
            raise ValueError("speeds is empty; use [1.0] for none but the own")
        for speed in self.speeds:
            _within(0.25, 4, speeds=speed)


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

    def __post_init__(self) -> None:
        _within(
            0, 1000, frequency_masks=self.frequency_masks, time_masks_per_s=self.time_masks_per_s
        )
        _within(0, INFINITE, frequency_width=self.frequency_width, time_width=self.time_width)
        _within(0, 1, time_share=self.time_share)


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
        _within(0, 1, ctc=self.ctc, inner=self.inner)
        _within(0, 0.99, smoothing=self.smoothing)


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

    def __post_init__(self) -> None:
        _within(1, INFINITE, updates=self.updates)
        _within(0, INFINITE, rate=self.rate, warmup=self.warmup, weight_decay=self.weight_decay)
        _within(TINY, INFINITE, clip=self.clip)
        _within(0, 1, fall=self.fall, average=self.average)


@dataclass(frozen=True)
class BatchConfig:
    """``[batch]``"""

    seconds: float = 120.0
    """audio in a batch, padding included, of all processes together; for Whisper every utterance
    counts as 30 s"""
    at_once: float = 0.0
    """audio that a process computes at once, where memory is short: the rest of its share of the
    batch is added up in turns; 0: all of it"""
    short_first: int = 500
    """updates during which only utterances under short_s are drawn: alignments are learnt first"""
    short_s: float = 6.0
    short_seconds: float = 60.0
    """audio in a batch during that time"""

    def __post_init__(self) -> None:
        _within(TINY, INFINITE, seconds=self.seconds, short_seconds=self.short_seconds)
        _within(0, INFINITE, at_once=self.at_once, short_first=self.short_first)
        _within(0, INFINITE, short_s=self.short_s)


@dataclass(frozen=True)
class RunConfig:
    """``[run]``"""

    seed: int = 1
    evaluate: int = 500
    """updates between two looks at the dev set"""
    dev_utterances: int = 100
    """utterances of the dev set that are looked at while training; at the end the best model and
    the last are compared on all"""
    save_minutes: float = 3.0
    """minutes between two resume points: no more than this is lost when killed"""

    def __post_init__(self) -> None:
        _within(0, 2**40, seed=self.seed)
        _within(1, INFINITE, evaluate=self.evaluate, dev_utterances=self.dev_utterances)
        _within(0, INFINITE, save_minutes=self.save_minutes)


@dataclass(frozen=True)
class InitConfig:
    """``[init]``: start from a model's weights."""

    model: str
    """name of a model with the same net and sizes, or its folder, relative to the recipe"""
    keep_tokenizer: bool = True
    """false: the tokenizer is made anew by [text], and what depends on it starts from nothing"""
    tokenizer: str = ""
    """vocabulary file for a Whisper .pt, which has none, relative to the recipe"""


@dataclass(frozen=True)
class Recipe:
    """A recipe as a whole."""

    name: str
    """of the model"""
    net: str
    """las, transformer, conformer, or one that a package registers; whisper, with [init]"""
    config: dict[str, Any] = field(default_factory=dict)
    """sizes of the net, except vocab and bins, which follow from [text] and [features]"""
    languages: tuple[str, ...] = ()
    """codes of what the model writes; Whisper's weights learn all texts as the first of them"""
    init: InitConfig | None = None
    text: TextConfig = field(default_factory=TextConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    run: RunConfig = field(default_factory=RunConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    origin: dict[str, Any] = field(default_factory=dict)
    """copied into model.toml: data, licence"""


DEFAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "whisper": {  # known already: how speech sounds, and how text is written with case and commas
        "text": {"normalizer": "none"},
        "data": {"max_s": 30.0, "speeds": [1.0, 0.9, 1.1]},
        "loss": {"ctc": 0.0, "smoothing": 0.0},
        "optim": {"rate": 1.0e-5, "warmup": 50, "clip": 1.0},
        "batch": {"short_first": 0},
    }
}
"""net → table → key → the default of a recipe for it, where it is another one than above"""


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
    if recipe.init:
        init = recipe.init
        if (path.parent / init.model).exists():  # else a name, or a path from here
            init = replace(init, model=str(path.parent / init.model))
        if init.tokenizer:
            init = replace(init, tokenizer=str(path.parent / init.tokenizer))
        recipe = replace(recipe, init=init)
    return recipe


def _fill(table: dict[str, Any]) -> None:
    """Put in the defaults of a net that has others, where the recipe says nothing."""
    for name, values in DEFAULTS.get(str(table.get("net")), {}).items():
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
