"""The models of this family on the hub. Each writes one language."""

from __future__ import annotations

from collections.abc import Mapping

from attnasr_cli.checkpoint.hub import Source
from attnasr_cli.families.common.known import Known

OWNER = "UsefulSensors"
MIT = "MIT"
COMMUNITY = "Moonshine Community License"
"""free for research, and for business below a yearly revenue that it names"""


def _known(size: str, parameters: int, languages: str) -> dict[str, Known]:
    found = {}
    for language in languages.split():
        english = language == "en"
        name = f"moonshine-{size}" if english else f"moonshine-{size}-{language}"
        source = Source(f"{OWNER}/{name}")
        found[name] = Known(source, parameters, (language,), MIT if english else COMMUNITY)
    return found


KNOWN: Mapping[str, Known] = {
    **_known("tiny", 27, "en ar ja ko uk vi zh"),
    **_known("base", 61, "en ar ja ko uk vi zh"),
}
"""names that need no owner (Jeffries et al. 2024; King et al. 2025, arXiv 2509.02523)"""

PUBLISHED: Mapping[str, Source] = {name: known.source for name, known in KNOWN.items()}

TOKENS_PER_S = {"en": 6.5}
"""what their publisher allows a second of speech: more is a text that repeats itself"""
OTHER_TOKENS_PER_S = 13.0
"""languages that the vocabulary spells in smaller pieces"""


def tokens_per_s(languages: tuple[str, ...]) -> float:
    """The most tokens a second of audio that a model of these languages may write."""
    rates = [TOKENS_PER_S.get(language, OTHER_TOKENS_PER_S) for language in languages]
    return max(rates, default=OTHER_TOKENS_PER_S)
