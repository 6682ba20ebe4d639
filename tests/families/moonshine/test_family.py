"""The family as a whole, held to the protocol on random weights."""

from __future__ import annotations

from typing import Any

from attnasr_cli.families.moonshine.family import FAMILY
from attnasr_cli.families.moonshine.published import PUBLISHED
from attnasr_cli.testing import check_family
from tests.families.moonshine.conftest import SMALL, STREAMING


def test_it_keeps_the_protocol(pair: Any) -> None:
    check_family(FAMILY, pair(SMALL)[2])
    check_family(FAMILY, pair(STREAMING)[2])


def test_published_names() -> None:
    assert FAMILY.published["moonshine-tiny"].repo == "UsefulSensors/moonshine-tiny"
    about = {name: source.about for name, source in PUBLISHED.items()}
    assert about["moonshine-base-uk"].languages == ("uk",)
    sizes = {known.parameters for name, known in about.items() if "streaming" not in name}
    assert sizes == {27, 61}
    small = about["moonshine-streaming-small"]
    assert (small.parameters, small.licence, small.wer) == (123, "MIT", "2.49")
    german = FAMILY.published["moonshine-streaming-small-de"]
    assert german.repo == "moonshine-ai/moonshine-streaming-small-de"
    assert german.about.languages == ("de",)
