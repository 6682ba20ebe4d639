"""The models of this family on the hub. Each writes one language."""

from __future__ import annotations

from collections.abc import Mapping

from attnasr_cli.checkpoint.hub import About, Source

OWNER = "UsefulSensors"
MIT = "MIT"
COMMUNITY = "Moonshine Community License"
"""free for research, and for business below a yearly revenue that it names"""


WER = {"moonshine-tiny": "4.5/11.7", "moonshine-base": "3.2/8.2"}
"""as the publisher's own page gives them"""


def _sized(size: str, parameters: int, languages: str) -> dict[str, Source]:
    found = {}
    for language in languages.split():
        english = language == "en"
        name = f"moonshine-{size}" if english else f"moonshine-{size}-{language}"
        licence = MIT if english else COMMUNITY
        about = About(parameters, (language,), licence, WER.get(name, ""))
        found[name] = Source(f"{OWNER}/{name}", about=about)
    return found


PUBLISHED: Mapping[str, Source] = {
    **_sized("tiny", 27, "en ar ja ko uk vi zh"),
    **_sized("base", 61, "en ar ja ko uk vi zh"),
}
"""names that need no owner (Jeffries et al. 2024; King et al. 2025, arXiv 2509.02523)"""

TOKENS_PER_S = {"en": 6.5}
"""what their publisher allows a second of speech: more is a text that repeats itself"""
OTHER_TOKENS_PER_S = 13.0
"""languages that the vocabulary spells in smaller pieces"""


def tokens_per_s(languages: tuple[str, ...]) -> float:
    """The most tokens a second of audio that a model of these languages may write."""
    rates = [TOKENS_PER_S.get(language, OTHER_TOKENS_PER_S) for language in languages]
    return max(rates, default=OTHER_TOKENS_PER_S)
