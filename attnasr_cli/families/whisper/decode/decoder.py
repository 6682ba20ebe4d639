"""The decoder of this family: batches of segments, or whole recordings in sequential mode."""

from __future__ import annotations

from torch import Tensor

from attnasr_cli.families.base import Decoded, RecordingDecoder, SegmentAttention
from attnasr_cli.families.whisper.decode.attention import attention
from attnasr_cli.families.whisper.decode.batched import WindowDecoder
from attnasr_cli.families.whisper.decode.sequential import WhisperRecording


class WhisperDecoder(WindowDecoder):
    """A ``families.base.SegmentDecoder``."""

    @property
    def sequential(self) -> bool:
        """Whether recordings are to be given whole, to ``recording``."""
        return self.plan.sequential

    def recording(self) -> RecordingDecoder:
        if not self.sequential:
            raise TypeError("batched mode decodes segments")
        return WhisperRecording(self)

    def attention(self, samples: Tensor, decoded: Decoded) -> SegmentAttention:
        """Teacher-force the tokens of a decoded window (N,) and return the attention."""
        return attention(self, samples, decoded)
