"""How recordings are cut, from the options and from what a decoder sees at once."""

from __future__ import annotations

from attnasr_cli.audio.segment import SegmentConfig
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import SegmentDecoder
from attnasr_cli.recognize.reading import Reading

WINDOW_GAP_S = 3.0
"""pauses up to this long are kept inside the windows of a net that pads each to its full length:
that costs nothing, and the words on both sides have context"""


def cutting(reading: Reading, decoder: SegmentDecoder, model: str) -> SegmentConfig:
    """How recordings are cut for a decoder of ``model``. Raises UsageError where segments are to be
    longer than what it sees at once."""
    longest = decoder.max_segment_s
    if reading.max_segment is not None and reading.max_segment > longest:
        raise UsageError(
            f"segments of {reading.max_segment} s", f"model {model} sees {longest} s at once"
        )
    length = reading.max_segment or longest
    return SegmentConfig(
        max_s=length,
        target_s=length,
        vad=reading.vad,
        threshold=reading.vad_threshold,
        max_gap_s=WINDOW_GAP_S if decoder.min_cost_s else SegmentConfig.max_gap_s,
        apart=bool(decoder.settings.get("phrases")),
    )
