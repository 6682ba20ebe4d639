"""Read this second: what a model family offers, the decoder of segments, and its results.

A family is an object and a package: generic code asks it for features, a decoder with its options,
training targets and foreign checkpoints, and never asks which family it is. ``registry.py`` finds
the family of a model, of a net or of a foreign checkpoint.

``Recognizer`` cuts recordings into segments and stitches texts; a ``SegmentDecoder`` turns a batch
of segments into texts, or follows one whole recording (``RecordingDecoder``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from attnasr_cli.audio.features import FeatureConfig
    from attnasr_cli.checkpoint.folder import Model
    from attnasr_cli.checkpoint.hub import Source
    from attnasr_cli.device import Placement
    from attnasr_cli.families.recipe.recipe import Recipe
    from attnasr_cli.families.targets import Targets
    from attnasr_cli.nets.protocol import Net
    from attnasr_cli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Word:
    """A word with its place in the audio."""

    word: str
    start: float
    """seconds"""
    end: float
    probability: float


@dataclass(frozen=True)
class Piece:
    """A stretch of text inside a segment; times are seconds from the segment's first sample."""

    start: float
    end: float
    text: str
    tokens: list[int]
    avg_logprob: float
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Decoded:
    """The text of one segment, with measures of its reliability."""

    pieces: list[Piece]
    """in order; empty where nothing was said"""
    avg_logprob: float
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float = 0.0
    fallbacks: int = 0
    language: str | None = None
    suspect: str = ""
    """why the text should not be trusted, or empty"""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentAttention:
    """The cross-attention of the decoder while it wrote the text of one segment."""

    duration_s: float
    tokens: list[str]
    """U tokens as they are written"""
    words: list[tuple[str, int, int]]
    """a word, its first row and the row behind its last one"""
    weights: Tensor
    """(L, H, U, S); each row sums to 1 over the memory of the audio, and what a net that fills up
    its window gave to the filling"""
    heads: list[tuple[int, int]]
    """(layer, head) pairs in ``weights`` that follow the audio; all, where the model names none"""
    step_s: float
    """seconds between two memory positions"""
    features: Tensor
    """(T, F) what the encoder saw, normalised"""

    def picture(self) -> Tensor:
        """Weights (U, S), averaged over ``heads``."""
        import torch

        return torch.stack([self.weights[n, h] for n, h in self.heads]).mean(0)


class RecordingDecoder(Protocol):
    """Decodes one whole recording, choosing its segments by the text written so far."""

    def push(self, samples: Tensor) -> None:
        """The next samples (N,), float32 at 16 kHz."""

    def segments(self) -> Iterator[tuple[float, Decoded]]:
        """End the recording and yield (start in seconds, result) in order, each as soon as it is
        decoded."""


class SegmentDecoder(Protocol):
    """Decodes batches of segments. One object has one model and fixed options."""

    placement: Placement
    """device and precision; the decoder may extend the reason"""
    max_segment_s: float
    """the longest stretch of audio that the net can see at once"""
    min_cost_s: float
    """seconds of audio that a segment costs at least: those of the window to which the net pads
    it, or 0. Batches are packed by cost"""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that the text depends on, with defaults filled in, as JSON values."""

    @property
    def sequential(self) -> bool:
        """Whether the decoder must be given whole recordings, by ``recording``, and not
        segments."""

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        """segments: mono float32 samples (N,) at 16 kHz. The result is in the same order and does
        not depend on what else is in the batch."""

    def changed(self, options: Any) -> SegmentDecoder:
        """A decoder of the same model with other options (an ``Options``), which shares its
        weights. Raises UsageError for what the model cannot do."""

    def recording(self) -> RecordingDecoder:
        """A decoder of one whole recording. Raises TypeError where ``sequential`` is false."""

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded segment (N,) and return the attention."""


class FeatureExtractor(Protocol):
    """Computes the input of the encoder from samples."""

    def extract(self, samples: Tensor) -> Tensor:
        """samples (N,) at 16 kHz → features (T, F), float32."""

    def __call__(self, segments: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """list of samples (N,) → features (B, T, F), padded with zeros, and lengths (B,)."""


class Family(Protocol):
    """The interface of a family to the rest of the program.

    A module that holds one must be light: ``attnasr --help`` and ``models list`` look at its
    attributes. Its methods import what they need.
    """

    name: str
    """of the family, as messages and lists call it"""
    style: str
    """the ``features.style`` by which a ``model.toml`` says that it is of this family"""
    nets: tuple[str, ...]
    """names of the nets whose recipes this family trains"""
    published: Mapping[str, Source]
    """names without an owner → where the hub has the model"""
    extra_files: tuple[str, ...]
    """options that ``load`` takes beside the path, such as ``tokenizer``"""
    batches_abreast: bool
    """whether a CPU decodes several batches at a time, one a core, and not each on all cores: so
    does a search that holds Python's lock in one thread while nets compute in the others"""
    cpu_batch_s: float
    """seconds of audio in a batch beyond which a CPU gains nothing"""

    @property
    def Options(self) -> type[Any]:  # noqa: N802 - a class
        """A frozen dataclass: its fields are the options that the decoder honours (``--kebab-case``
        on the command line), and any other one is refused."""

    def claims(self, path: Path) -> bool:
        """Whether a file or folder is a foreign checkpoint of this family. Reads no weights."""

    def load(self, path: Path, name: str, **extra: Path) -> Model:
        """Load a foreign checkpoint on the CPU; ``name`` becomes the name of the model. Raises
        ModelError."""

    def export(self, model: Model, folder: Path) -> None:
        """Write a model in the format of transformers. Raises ModelError where there is none."""

    def read_tokenizer(self, path: Path) -> Tokenizer:
        """Read the tokenizer file of a model folder. Raises ModelError."""

    def features(self, config: FeatureConfig) -> FeatureExtractor:
        """The feature extractor of a model."""

    def decoder(
        self, model: Model, placement: Placement, options: Any, batch_s: float
    ) -> SegmentDecoder:
        """A decoder of a model; options: an ``Options``. Raises UsageError for what the model
        cannot do, ModelError where its parts do not belong together."""

    @property
    def recipe_defaults(self) -> Mapping[str, Mapping[str, Any]]:
        """table → key → default of a recipe, where it differs from that of the dataclass."""

    def check_recipe(self, recipe: Recipe) -> None:
        """Refuse what cannot be trained, before anything is loaded. Raises UsageError."""

    def fit_recipe(self, recipe: Recipe, start: Model) -> Recipe:
        """The recipe with values that follow from the model of ``[init]``. Raises UsageError where
        they contradict it."""

    def targets(self, recipe: Recipe, net: Net, tokenizer: Tokenizer) -> Targets:
        """The token-level targets of training."""
