"""A model is a folder that explains itself: ``model.toml``, ``weights.safetensors``, a tokenizer
file, a card, and where there are some a language model and a net that writes sentences. Nothing in
it is code."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from attnasr_cli.audio.features import FeatureConfig
from attnasr_cli.checkpoint.tables import dumps, from_table, to_table
from attnasr_cli.checkpoint.weights import (
    OLD_WEIGHTS,
    WEIGHTS,
    load_weights,
    old_weights_kept,
    sha256_of,
)
from attnasr_cli.errors import ModelError
from attnasr_cli.files import write_bytes, write_text
from attnasr_cli.nets import find_net
from attnasr_cli.nets.protocol import Net
from attnasr_cli.nets.quantize import pack
from attnasr_cli.text.load import load_tokenizer
from attnasr_cli.text.tokenizer import Tokenizer

SCHEMA = 1
LM_FILE = "lm.safetensors"
SENTENCES_FILE = "sentences.safetensors"
NEURAL_LM_FILE = "neural_lm.safetensors"


@dataclass(frozen=True)
class DecodingConfig:
    """The ``[decoding]`` table: what a model's makers found to work best. Options override it."""

    beams: int = 8
    """hypotheses kept for a segment"""
    ctc_weight: float = 0.3
    """share of the CTC head in the score; the decoder has the rest"""
    lm_weight: float = 0.0
    """weight of the language model beside a total of 1 for the net"""
    neural_weight: float = 0.0
    """weight of the neural language model, when hypotheses are compared that were found with the
    other one"""
    word_bonus: float = 0.0
    """added for every word, with a language model"""
    unknown_penalty: float = -10.0
    """added for every piece of a word that the language model does not know"""
    length_penalty: float = 0.0
    """as in SearchConfig: 0 is none"""
    min_logprob: float = -1.0e9
    """a segment whose mean log probability is below is taken for no speech"""
    speeds: tuple[float, ...] = ()
    """others at which the CTC head hears a segment too; its scores are then the mean over all"""

    def __post_init__(self) -> None:
        if self.speeds and not self.ctc_weight:
            raise ModelError("decoding.speeds without a ctc_weight", "leave it out")
        for speed in self.speeds:
            if not 0.5 <= speed <= 2:
                raise ModelError(f"decoding.speeds has {speed:g}", "use speeds from 0.5 to 2")


@dataclass(frozen=True)
class PartFile:
    """The tables ``[lm]``, ``[neural_lm]`` and ``[sentences]``."""

    file: str
    """name of the file in the folder"""
    sha256: str


@dataclass(frozen=True)
class Text:
    """The ``[text]`` table."""

    tokenizer: str
    """name of the tokenizer's file in the folder"""
    normalizer: str = "none"
    """how the training text was normalised"""


@dataclass(frozen=True)
class Weights:
    """The ``[weights]`` table."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Header:
    """``model.toml`` as a whole."""

    schema: int
    name: str
    net: str
    config: dict[str, Any]
    features: FeatureConfig
    text: Text
    weights: Weights
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    lm: PartFile | None = None
    neural_lm: PartFile | None = None
    """the language model that compares the hypotheses of a search"""
    sentences: PartFile | None = None
    """the net that gives words their case and marks"""
    languages: tuple[str, ...] = ()
    """codes of the languages that the model writes"""
    origin: dict[str, Any] = field(default_factory=dict)
    """recipe, data, licence, date, version, dev WER and the command that gives it"""


@dataclass(frozen=True)
class Model:
    """A loaded model."""

    header: Header
    net: Net
    tokenizer: Tokenizer
    path: Path | None = None

    @property
    def features(self) -> FeatureConfig:
        return self.header.features

    @property
    def decoding(self) -> DecodingConfig:
        return self.header.decoding

    @property
    def lm_path(self) -> Path | None:
        """The language model's file, or None."""
        if self.header.lm is None or self.path is None:
            return None
        return self.path / self.header.lm.file


def find_lm(path: Path) -> PartFile | None:
    """The language model that lies in a model folder, for its header."""
    return _part(path / LM_FILE)


def find_neural_lm(path: Path) -> PartFile | None:
    """The neural language model that lies in a model folder, for its header."""
    return _part(path / NEURAL_LM_FILE)


def find_sentences(path: Path) -> PartFile | None:
    """The sentence net that lies in a model folder, for its header."""
    return _part(path / SENTENCES_FILE)


def _part(file: Path) -> PartFile | None:
    return PartFile(file.name, sha256_of(file)) if file.is_file() else None


def checked_lm(model: Model) -> Path | None:
    """The file of a model's language model, or None. Raises ModelError where it is missing or not
    the one that ``model.toml`` names."""
    return checked(model.path, model.header.lm, "language model")


def checked(path: Path | None, part: PartFile | None, what: str) -> Path | None:
    """The file of a part of a model folder, or None. Raises ModelError as ``checked_lm``."""
    if path is None or part is None:
        return None
    file = path / part.file
    if not file.is_file():
        raise ModelError(f"no {what} {file}", "the model folder is incomplete")
    if sha256_of(file) != part.sha256:
        raise ModelError(f"damaged {what} {file}: the checksum differs", "copy it again")
    return file


def read_header(path: Path) -> Header:
    """Read and check ``model.toml`` of a model folder. Raises ModelError."""
    file = path / "model.toml"
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path} is not a model folder", "it has no model.toml") from None
    except NotADirectoryError:
        raise ModelError(f"{path} is not a model folder", "give the folder, not a file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ModelError(f"damaged {file}: {problem}", "copy the model folder again") from None
    schema = table.get("schema")
    if schema != SCHEMA:
        raise ModelError(
            f"{file} has schema {schema}, not {SCHEMA}", "this version of attnasr cannot read it"
        )
    return from_table(Header, table, str(file), partial=True)


def build_net(name: str, config: dict[str, Any], where: str) -> Net:
    """A net with random weights from a complete ``[config]`` table. Raises ModelError."""
    cls = find_net(name)
    settings: Any = from_table(cls.Config, config, f"{where} [config]", partial=False)
    try:
        return cls(settings)
    except ValueError as problem:
        raise ModelError(f"{where} [config]: {problem}", "change the value") from None


def load_model(path: Path, read_tokenizer: Callable[[Path], Tokenizer] = load_tokenizer) -> Model:
    """Load a model folder on the CPU, in evaluation mode, float32.

    read_tokenizer: that of the model's family, which ``families.models.load`` passes. Raises
    ModelError where a part is missing, damaged, of the wrong size, or does not belong.
    """
    header = read_header(path)
    net = build_net(header.net, header.config, str(path / "model.toml"))
    try:
        load_weights(net, path, header.weights.file, header.weights.sha256)
    except ModelError:
        if read_header(path).weights == header.weights:
            raise
        return load_model(path, read_tokenizer)  # replaced between the two readings
    tokenizer = read_tokenizer(path / header.text.tokenizer)
    vocab = header.config.get("vocab")
    if vocab != tokenizer.vocab_size:
        raise ModelError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} tokens, the net {vocab}",
            "tokenizer and weights must come from the same training",
        )
    return Model(header, net.eval(), tokenizer, path)


def save_model(
    path: Path,
    net: Net,
    name: str,
    tokenizer: Tokenizer,
    features: FeatureConfig,
    decoding: DecodingConfig | None = None,
    dtype: torch.dtype = torch.float32,
    normalizer: str = "none",
    languages: tuple[str, ...] = (),
    origin: dict[str, Any] | None = None,
    lm: PartFile | None = None,
    sentences: PartFile | None = None,
    neural_lm: PartFile | None = None,
) -> Header:
    """Write a model folder: every file beside and then renamed, ``model.toml`` last.

    Weights that are replaced stay under a second name until ``model.toml`` names the new ones: the
    folder is a whole model at every moment, for a reader and after a kill.

    ``dtype`` is what weights are kept in: float32, float16, bfloat16, or int8 with scales.
    """
    path.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.detach().cpu() for key, value in net.state_dict().items()}
    if dtype == torch.int8:
        tensors = pack(tensors)
    else:
        tensors = {k: v.to(dtype if v.is_floating_point() else v.dtype) for k, v in tensors.items()}
    content = save({key: value.contiguous() for key, value in tensors.items()})
    header = Header(
        schema=SCHEMA,
        name=name,
        net=net.name,
        config=to_table(net.config),
        features=features,
        text=Text(tokenizer.file_name, normalizer),
        weights=Weights(WEIGHTS, hashlib.sha256(content).hexdigest()),
        decoding=decoding or DecodingConfig(),
        lm=lm,
        neural_lm=neural_lm,
        sentences=sentences,
        languages=languages,
        origin=origin or {},
    )
    write_bytes(path / tokenizer.file_name, tokenizer.to_bytes())
    with old_weights_kept(path, _named_sha256(path)):
        write_bytes(path / WEIGHTS, content)
    write_header(path, header)
    (path / OLD_WEIGHTS).unlink(missing_ok=True)
    return header


def _named_sha256(path: Path) -> str:
    """The checksum of the weights that a model folder has now, or empty."""
    try:
        return read_header(path).weights.sha256
    except ModelError:  # none yet, or a damaged one that is replaced as a whole
        return ""


def write_header(path: Path, header: Header) -> None:
    """Write ``model.toml``."""
    write_text(path / "model.toml", dumps(to_table(header)))
