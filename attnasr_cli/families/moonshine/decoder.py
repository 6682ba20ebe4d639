"""The decoder of segments: samples in, greedy or beam search, words aligned with the audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from attnasr_cli.audio.features import FeatureConfig, LogMel
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.checkpoint.folder import Model
from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import Decoded, SegmentAttention
from attnasr_cli.families.common.fast import placed
from attnasr_cli.families.common.segments import SearchedSegments, attended, chosen_beam
from attnasr_cli.families.languages import language_code
from attnasr_cli.families.moonshine.checkpoint import parts_of
from attnasr_cli.families.moonshine.features import SampleFrames
from attnasr_cli.families.moonshine.net import SampleNet
from attnasr_cli.families.moonshine.options import MoonshineOptions
from attnasr_cli.families.moonshine.published import tokens_per_s
from attnasr_cli.nets.protocol import Memory

LONGEST_S = 30.0
"""the longest utterances in training"""
FEWEST_TOKENS = 8
"""tokens allowed for any segment, however short"""


class MoonshineDecoder(SearchedSegments):
    """A ``families.base.SegmentDecoder``. One model with fixed options."""

    net: SampleNet

    def __init__(
        self, model: Model, placement: Placement, options: MoonshineOptions, batch_s: float
    ) -> None:
        net, self.tokenizer = parts_of(model)
        super().__init__(model, placement, options, batch_s)
        self.net = placed(net, placement)
        self.offset_s = net.offset_s
        self.rate = tokens_per_s(model.header.languages)
        room = self.net.config.text_context - 1  # the start is one of them
        self.max_segment_s = min(LONGEST_S, room / self.rate, self.net.longest_s)

    def resolve(self, options: MoonshineOptions) -> dict[str, Any]:
        name, languages = self.model.header.name, self.model.header.languages
        language = options.language
        if language is not None:
            language = _language(language, languages, name)
        return {
            "language": language or next(iter(languages), None),
            "beam": chosen_beam(self.model, options),
            "length_penalty": options.length_penalty,
            "nbest": options.nbest,
            "word_timestamps": options.word_timestamps,
        }

    @property
    def prompt(self) -> list[int]:
        return [self.tokenizer.bos]

    def encode_segments(self, segments: Sequence[Tensor]) -> Memory:
        device = self.placement.device
        lengths = torch.tensor([samples.shape[0] for samples in segments])
        samples = torch.nn.utils.rnn.pad_sequence(list(segments), batch_first=True)  # (B, N)
        return self.net.encode_samples(samples.to(device), lengths.to(device))

    def limits(self, segments: Sequence[Tensor], memory: Memory) -> Tensor:
        lengths = torch.tensor([samples.shape[0] for samples in segments])
        return token_limits(lengths, self.rate, self.net.config.text_context)

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded segment (N,) and return the attention.

        The features to show beside the weights are a log-mel spectrogram, as samples make no
        picture.
        """
        features, lengths = SampleFrames()([samples])  # (1, T, 160), (1,)
        found = attended(self, features, int(lengths[0]), samples, decoded)
        return replace(found, features=LogMel(FeatureConfig()).extract(samples))


def token_limits(samples: Tensor, rate: float, context: int) -> Tensor:
    """samples (B,) of each segment → the most tokens (B,) that it may have, the end included."""
    limits = (samples.double() / SAMPLE_RATE_HZ * rate).long()
    return limits.clamp_min(FEWEST_TOKENS).clamp_max(context - 1)


def _language(wanted: str, languages: tuple[str, ...], name: str) -> str:
    """The code of a language that the model writes. Raises UsageError for any other."""
    code = language_code(wanted)
    if not languages:
        raise UsageError(
            f"model {name} does not say which language it writes",
            "leave --language out, or name it in the model's README.md",
        )
    if code not in languages:
        raise UsageError(
            f"model {name} writes {', '.join(languages)}, not {code}",
            "take another model; attnasr models list shows what there is",
        )
    return code
