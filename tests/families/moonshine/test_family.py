"""The family as a whole, held to the protocol on random weights."""

from __future__ import annotations

from typing import Any

from attnasr_cli.families.moonshine.family import FAMILY
from attnasr_cli.families.moonshine.published import PUBLISHED
from attnasr_cli.testing import check_family
from tests.families.moonshine.conftest import SMALL


def test_it_keeps_the_protocol(pair: Any) -> None:
    check_family(FAMILY, pair(SMALL)[2])


def test_published_names() -> None:
    assert FAMILY.published["moonshine-tiny"].repo == "UsefulSensors/moonshine-tiny"
    about = {name: source.about for name, source in PUBLISHED.items()}
    assert about["moonshine-base-uk"].languages == ("uk",)
    assert {known.parameters for known in about.values()} == {27, 61}
