"""The decoder of this family: batches of segments, or whole recordings in sequential mode."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from attnasr_cli.families.base import Decoded, RecordingDecoder, SegmentAttention
from attnasr_cli.families.whisper.decode.attention import attention
from attnasr_cli.families.whisper.decode.batched import BatchedDecoder
from attnasr_cli.families.whisper.decode.decoding import DecodingTask
from attnasr_cli.families.whisper.decode.phrases import phrase_list
from attnasr_cli.families.whisper.decode.plan import plan
from attnasr_cli.families.whisper.decode.sequential import WhisperRecording
from attnasr_cli.families.whisper.options import WhisperOptions


class WhisperDecoder(BatchedDecoder):
    """A ``families.base.SegmentDecoder``."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings with defaults filled in, for JSON."""
        return self.plan.settings | (self.phrases.settings if self.phrases else {})

    def changed(self, options: WhisperOptions) -> WhisperDecoder:
        """A decoder with other options that shares the net."""
        other = copy.copy(self)
        other.plan = plan(options, self.tokenizer, self.name, self.languages)
        other.task = DecodingTask(self.net, self.tokenizer, other.plan.task)
        other.phrases = phrase_list(other.plan, self.tokenizer, self.net)
        return other

    @property
    def sequential(self) -> bool:
        """Whether the decoder must be given whole recordings, by ``recording``."""
        return self.plan.sequential

    def recording(self) -> RecordingDecoder:
        if not self.sequential:
            raise TypeError("batched mode decodes segments")
        return WhisperRecording(self)

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded window (N,) and return the attention."""
        return attention(self, samples, decoded)
