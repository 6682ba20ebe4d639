"""Everything that can go wrong for a user, as one tree.

AttnasrError            one line and a hint; exit code 1
├── UsageError          the command line or a recipe is wrong; exit code 2
├── AudioError          a recording cannot be read
├── ModelError          a model is unknown, damaged or does not fit
├── DataError           a manifest, reference or hypothesis file is wrong
├── OutputError         a result cannot be written
└── ClusterError        a cluster cannot be reached, or its workers do not fit

They are raised anywhere and printed in one place, ``app.main``.
"""

from __future__ import annotations


class AttnasrError(Exception):
    """A problem that the user can act on: one line, and a hint with the next step."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def reason(problem: BaseException) -> str:
    """The message of an exception of a library in one line: the first line of its text, or the name
    of its type where it has none."""
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)


class UsageError(AttnasrError):
    """The command line, a recipe or a configuration file is wrong."""

    exit_code = 2


class AudioError(AttnasrError):
    """A recording cannot be read or holds no usable samples."""


class ModelError(AttnasrError):
    """A model is unknown, damaged, or does not fit what is asked of it."""


class DataError(AttnasrError):
    """A manifest, a reference or a hypothesis file is wrong."""


class OutputError(AttnasrError):
    """A result cannot be written."""


class ClusterError(AttnasrError):
    """A cluster cannot be reached, or its workers cannot do what is asked."""
