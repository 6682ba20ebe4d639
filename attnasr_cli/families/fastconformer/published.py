"""The two kinds of models, and those on the hub. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attnasr_cli.checkpoint.hub import About, Source

if TYPE_CHECKING:
    from attnasr_cli.families.fastconformer.options import CanaryOptions, CohereOptions

EUROPEAN = (
    "bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it", "lv", "lt", "mt",
    "pl", "pt", "ro", "sk", "sl", "es", "sv", "ru", "uk",
)  # fmt: skip
FOURTEEN = (
    "en", "de", "fr", "it", "es", "pt", "el", "nl", "pl", "vi", "zh", "ar", "ja", "ko",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """The differences between the two kinds of models with this architecture."""

    name: str
    """of family, net and style of features"""
    title: str
    """name in messages"""
    model_type: str
    """in ``config.json``"""
    languages: tuple[str, ...]
    """codes of the languages it was trained on, used where there is no card"""
    longest_s: float
    """longest segment in seconds"""
    options: Callable[[], type[CohereOptions]]
    """imports the dataclass of its decoding options"""
    translates: bool
    space_first: bool
    """whether its prompt begins with a space"""
    dither: bool
    """whether noise is added to the samples"""
    bridge: bool
    """whether there is a linear layer between encoder and decoder, and token positions are
    learned"""
    published: Mapping[str, Source]
    """published models, by names without an owner"""


def _canary_options() -> type[CanaryOptions]:
    from attnasr_cli.families.fastconformer.options import CanaryOptions

    return CanaryOptions


def _cohere_options() -> type[CohereOptions]:
    from attnasr_cli.families.fastconformer.options import CohereOptions

    return CohereOptions


CANARY = Kind(
    name="canary",
    title="Canary",
    model_type="canary",
    languages=EUROPEAN,
    longest_s=40.0,  # what it was trained on; what is longer its publisher cuts
    options=_canary_options,
    translates=True,
    space_first=False,
    dither=False,
    bridge=False,
    published={
        "canary-1b-v2": Source(
            "nvidia/canary-1b-v2",
            "d455706339a6b32e1aa40f82c713a482a0c938e2",  # the first with weights for transformers
            About(978, EUROPEAN, "CC-BY-4.0"),
        ),
    },
)
COHERE = Kind(
    name="cohere",
    title="Cohere Transcribe",
    model_type="cohere_asr",
    languages=FOURTEEN,
    longest_s=35.0,  # max_audio_clip_s of its feature extractor
    options=_cohere_options,
    translates=False,
    space_first=True,
    dither=True,
    bridge=True,
    published={
        "cohere-transcribe-03-2026": Source(
            "CohereLabs/cohere-transcribe-03-2026",
            about=About(2000, FOURTEEN, "Apache-2.0", "1.3/2.4"),
        ),
    },
)
KINDS = {kind.name: kind for kind in (CANARY, COHERE)}
