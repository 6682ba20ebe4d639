"""The models of this family on the hub."""

from __future__ import annotations

from collections.abc import Mapping

from attnasr_cli.checkpoint.hub import About, Source
from attnasr_cli.families.languages import NAMES

ALL = tuple(NAMES)[:99]
"""before large-v3, which knows Cantonese too"""
APACHE, MIT = "Apache-2.0", "MIT"
ABOUT: Mapping[str, About] = {
    "whisper-tiny": About(39, ALL, APACHE, "7.6/16.9"),
    "whisper-tiny.en": About(39, ("en",), APACHE, "5.6/14.6"),
    "whisper-base": About(74, ALL, APACHE, "5.0/12.4"),
    "whisper-base.en": About(74, ("en",), APACHE, "4.2/10.2"),
    "whisper-small": About(244, ALL, APACHE, "3.4/7.6"),
    "whisper-small.en": About(244, ("en",), APACHE, "3.1/7.4"),
    "whisper-medium": About(769, ALL, APACHE, "2.9/5.9"),
    "whisper-medium.en": About(769, ("en",), APACHE, "3.1/6.3"),
    "whisper-large-v1": About(1550, ALL, APACHE, "2.7/5.6"),
    "whisper-large-v2": About(1550, ALL, APACHE, "2.7/5.2"),
    "whisper-large-v3": About(1550, tuple(NAMES), APACHE, "2.0/3.9"),
    "whisper-large-v3-turbo": About(809, tuple(NAMES), MIT, "2.2/4.2"),
    "distil-large-v3": About(756, ("en",), MIT),
}
"""greedy, from Radford et al. 2022, table 8; large-v3 and turbo from the OLMoASR report, table 4"""

PUBLISHED: Mapping[str, Source] = {
    name: Source(repo, revision, ABOUT[name])
    for name, repo, revision in (
        ("whisper-tiny", "openai/whisper-tiny", "169d4a4341b33bc18d8881c4b69c2e104e1cc0af"),
        ("whisper-tiny.en", "openai/whisper-tiny.en", "87c7102498dcde7456f24cfd30239ca606ed9063"),
        ("whisper-base", "openai/whisper-base", "e37978b90ca9030d5170a5c07aadb050351a65bb"),
        ("whisper-base.en", "openai/whisper-base.en", "911407f4214e0e1d82085af863093ec0b66f9cd6"),
        ("whisper-small", "openai/whisper-small", "973afd24965f72e36ca33b3055d56a652f456b4d"),
        ("whisper-small.en", "openai/whisper-small.en", "e8727524f962ee844a7319d92be39ac1bd25655a"),
        ("whisper-medium", "openai/whisper-medium", "abdf7c39ab9d0397620ccaea8974cc764cd0953e"),
        (
            "whisper-medium.en",
            "openai/whisper-medium.en",
            "2e98eb6279edf5095af0c8dedb36bdec0acd172b",
        ),
        ("whisper-large-v1", "openai/whisper-large", "4ef9b41f0d4fe232daafdb5f76bb1dd8b23e01d7"),
        ("whisper-large-v2", "openai/whisper-large-v2", "ae4642769ce2ad8fc292556ccea8e901f1530655"),
        ("whisper-large-v3", "openai/whisper-large-v3", "06f233fe06e710322aca913c1bc4249a0d71fce1"),
        (
            "whisper-large-v3-turbo",
            "openai/whisper-large-v3-turbo",
            "41f01f3fe87f28c78e2fbf8b568835947dd65ed9",
        ),
        (
            "distil-large-v3",
            "distil-whisper/distil-large-v3",
            "8031d2e6ce6631b7fc45629dddfc00271116d981",
        ),
    )
}
"""names that need no owner, at the revisions that this version was written for"""

VOCABULARIES = {51864: "whisper-tiny.en", 51865: "whisper-tiny", 51866: "whisper-large-v3"}
"""number of tokens → a model that has this vocabulary"""
