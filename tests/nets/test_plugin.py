"""A net of one's own, by entry point: found, held to the protocol, and named when it is broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from attnasr_cli import nets
from attnasr_cli.errors import ModelError
from attnasr_cli.testing import check_net

PLUGIN = Path(__file__).parent.parent / "plugin"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the plugin's package, and a broken one, were installed."""
    points = [
        EntryPoint("bag", "attnasr_bag.net:Bag", nets.GROUP),
        EntryPoint("broken", "attnasr_not_there:Net", nets.GROUP),
    ]
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setattr(nets.metadata, "entry_points", lambda group: points)
    nets.net_names.cache_clear()
    yield
    nets.net_names.cache_clear()
    for name in [name for name in sys.modules if name.startswith("attnasr_bag")]:
        sys.modules.pop(name)


@pytest.mark.usefixtures("installed")
def test_a_plugin_is_found_and_keeps_the_protocol() -> None:
    cls = nets.find_net("bag")
    check_net(cls, cls.Config(vocab=6, bins=8, width=16))


@pytest.mark.usefixtures("installed")
def test_a_broken_plugin_names_itself_and_hides_no_other() -> None:
    with pytest.raises(ModelError, match=r"'broken' \(attnasr_not_there:Net\) does not load"):
        nets.find_net("broken")
    assert nets.find_net("conformer").name == "conformer"


def test_an_unknown_net_gets_the_nearest() -> None:
    with pytest.raises(ModelError) as caught:
        nets.find_net("transfomer")
    assert "did you mean 'transformer'" in caught.value.hint


def test_the_entry_points_of_the_project_name_real_nets() -> None:
    import tomllib

    project = tomllib.loads((PLUGIN.parent.parent / "pyproject.toml").read_text())
    listed = project["project"]["entry-points"][nets.GROUP]
    assert listed == nets.BUILT_IN
