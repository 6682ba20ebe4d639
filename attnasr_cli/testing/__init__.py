"""The conformance suites, for us and for authors of plugins.

    from attnasr_cli.testing import check_family, check_net
    check_net(MyNet, MyConfig(vocab=7, bins=8, width=16, …))
    check_family(MY_FAMILY, checkpoint)

Each takes seconds on small random weights, and raises AssertionError with what is wrong.
"""

from attnasr_cli.testing.families import check_family
from attnasr_cli.testing.nets import check_net

__all__ = ["check_family", "check_net"]
