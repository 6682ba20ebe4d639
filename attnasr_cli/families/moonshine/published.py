"""The models of this family on the hub. Each writes one language."""

from __future__ import annotations

from collections.abc import Mapping

from attnasr_cli.checkpoint.hub import About, Source

OWNER, NEW_OWNER = "UsefulSensors", "moonshine-ai"
"""the publisher's name, and the one that it took in 2026"""
MIT = "MIT"
COMMUNITY = "Moonshine Community License"
"""free for research, and for business below a yearly revenue that it names"""


WER = {"moonshine-tiny": "4.5/11.7", "moonshine-base": "3.2/8.2"}
STREAMING_WER = {"tiny": "4.49", "small": "2.49", "medium": "2.08"}
"""as the publisher's own pages give them"""


def _sized(size: str, parameters: int, languages: str) -> dict[str, Source]:
    found = {}
    for language in languages.split():
        english = language == "en"
        name = f"moonshine-{size}" if english else f"moonshine-{size}-{language}"
        licence = MIT if english else COMMUNITY
        about = About(parameters, (language,), licence, WER.get(name, ""))
        found[name] = Source(f"{OWNER}/{name}", about=about)
    return found


def _streaming(size: str, parameters: int, languages: str) -> dict[str, Source]:
    found = {}
    for language in languages.split():
        english = language == "en"
        name = f"moonshine-streaming-{size}" + ("" if english else f"-{language}")
        wer = STREAMING_WER[size] if english else ""
        about = About(parameters, (language,), MIT, wer)
        found[name] = Source(f"{OWNER if english else NEW_OWNER}/{name}", about=about)
    return found


PUBLISHED: Mapping[str, Source] = {
    **_sized("tiny", 27, "en ar ja ko uk vi zh"),
    **_sized("base", 61, "en ar ja ko uk vi zh"),
    **_streaming("tiny", 34, "en"),
    **_streaming("small", 123, "en"),
    **_streaming("medium", 245, "en"),
    **_streaming("tiny", 27, "ar de es ja tl vi zh"),
    **_streaming("small", 113, "de es ja"),
}
"""names that need no owner (Jeffries et al. 2024; King et al. 2025, arXiv 2509.02523; Kudlur et al.
2026, arXiv 2602.12241)"""

TOKENS_PER_S = {"en": 6.5}
"""tokens a second of speech that the publisher allows; more is a text that repeats itself"""
OTHER_TOKENS_PER_S = 13.0
"""for languages that the vocabulary splits into smaller pieces"""


def tokens_per_s(languages: tuple[str, ...]) -> float:
    """The most tokens a second of audio that a model of these languages may write."""
    rates = [TOKENS_PER_S.get(language, OTHER_TOKENS_PER_S) for language in languages]
    return max(rates, default=OTHER_TOKENS_PER_S)
