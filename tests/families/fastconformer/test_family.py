"""The families as a whole, held to the protocol on random weights."""

from __future__ import annotations

from typing import Any

import pytest

from attnasr_cli.families.fastconformer.family import CANARY_FAMILY, COHERE_FAMILY
from attnasr_cli.testing import check_family


@pytest.mark.parametrize("family", [CANARY_FAMILY, COHERE_FAMILY])
def test_it_keeps_the_protocol(pair: Any, family: Any) -> None:
    check_family(family, pair(family.name)[2])


def test_published_names() -> None:
    assert CANARY_FAMILY.published["canary-1b-v2"].repo == "nvidia/canary-1b-v2"
    assert len(CANARY_FAMILY.kind.languages) == 25
    assert len(COHERE_FAMILY.kind.languages) == 14
