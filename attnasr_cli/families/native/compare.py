"""The hypotheses of an utterance with their texts, and their order after a second opinion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from attnasr_cli.search.hypotheses import Hypothesis


class Written(NamedTuple):
    """A hypothesis and its text."""

    hypothesis: Hypothesis
    text: str


def reordered(
    found: Sequence[Written], gains: Sequence[float], length_penalty: float | None
) -> list[Written]:
    """The hypotheses with what each gains added to its score, best first; equal ones keep their
    order."""
    scored = [
        Written(replace(one.hypothesis, score=one.hypothesis.score + gain), one.text)
        for one, gain in zip(found, gains, strict=True)
    ]
    return sorted(scored, key=lambda one: -one.hypothesis.normalized(length_penalty))
