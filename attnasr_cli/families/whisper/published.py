"""The models of this family on the hub."""

from __future__ import annotations

from collections.abc import Mapping

from attnasr_cli.checkpoint.hub import Source

PUBLISHED: Mapping[str, Source] = {
    name: Source(repo, revision)
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
