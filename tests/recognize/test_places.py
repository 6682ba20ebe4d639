"""What a decoder sees at once decides how recordings are cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from attnasr_cli.errors import UsageError
from attnasr_cli.recognize.places import WINDOW_GAP_S, cutting
from attnasr_cli.recognize.reading import Reading
from tests.audio.test_segment import cut


def decoder(min_cost_s: float = 0.0, **settings: Any) -> Any:
    return SimpleNamespace(max_segment_s=30.0, min_cost_s=min_cost_s, settings=settings)


def test_a_window_that_is_padded_anyway_is_filled_over_pauses() -> None:
    """A net whose cost grows with the length gets two short segments instead."""
    pause_s = WINDOW_GAP_S - 0.5
    spoken = [(1.0, 5.0), (5.0 + pause_s, 12.0)]
    assert len(cut(30, *spoken, config=cutting(Reading(), decoder(30.0), "m"))) == 1
    assert len(cut(30, *spoken, config=cutting(Reading(), decoder(), "m"))) == 2
    apart = [(1.0, 5.0), (5.2 + WINDOW_GAP_S, 12.0)]
    assert len(cut(30, *apart, config=cutting(Reading(), decoder(30.0), "m"))) == 2
    commands = cutting(Reading(), decoder(30.0, phrases=["on"]), "m")
    assert len(cut(30, *spoken, config=commands)) == 2


def test_options_about_cutting_are_followed() -> None:
    chosen = cutting(Reading(vad=False, vad_threshold=0.7, max_segment=12.0), decoder(), "m")
    assert (chosen.max_s, chosen.target_s) == (12.0, 12.0)
    assert (chosen.vad, chosen.threshold) == (False, 0.7)
    with pytest.raises(UsageError, match=r"segments of 40\.0 s"):
        cutting(Reading(max_segment=40.0), decoder(), "m")
