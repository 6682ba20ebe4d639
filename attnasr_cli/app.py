"""The command line: ``main(argv)`` runs one command and returns its exit code.

This is the one place where errors are printed. Exit codes: 0 all done, 1 something failed,
2 the command line is wrong, 3 ``score --fail-above``, 130 Ctrl-C. No command module, and so no
torch, is imported before it is asked for: ``attnasr --help`` must start in a blink.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence

from attnasr_cli import console, interrupts
from attnasr_cli.commands import COMPLETION, help_text
from attnasr_cli.errors import AttnasrError
from attnasr_cli.process import collect_rarely, leave, share_one_heap, wait_briefly
from attnasr_cli.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name) and return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    console.begin()
    debug = "--debug" in args
    if debug:
        args.remove("--debug")
    code = _guard(lambda: _command(args), debug)
    if code == 0:
        return _guard(console.end, debug)
    with contextlib.suppress(AttnasrError, OSError):  # one error is enough
        console.end()
    return code


def _command(args: list[str]) -> int:
    if COMPLETION not in os.environ:
        if not args or args[0] in ("-h", "--help", "help"):
            console.result(help_text())
            return 0 if args else 2
        if args[0] == "--version":
            console.result(f"attnasr {__version__}")
            return 0
    share_one_heap()
    from attnasr_cli.commands.group import run as run_command

    return run_command(args)


def _guard(action: Callable[[], int | None], debug: bool) -> int:
    """The exit code of an action; every known failure becomes one line and a hint."""
    try:
        return action() or 0
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as problem:
        if interrupts.is_noted():  # what was interrupted may fail with an error of its own
            return _interrupted()
        code = _told(problem, debug)
        if code is None:
            raise
        return code


def _interrupted() -> int:
    if not console.is_stop_told():
        console.error("interrupted")
    return 130


def _told(problem: Exception, debug: bool) -> int | None:
    """The exit code of a known failure, which is told; None for any other."""
    if isinstance(problem, AttnasrError):
        if debug:
            import traceback

            traceback.print_exc()
        console.error(problem.message, problem.hint)
        return problem.exit_code
    if isinstance(problem, BrokenPipeError):  # the reader (head, less) has gone: no error of ours
        return 1
    if isinstance(problem, OSError) and not debug:
        where = f"{problem.filename}: " if problem.filename else ""
        console.error(f"{where}{problem.strerror or problem}", "check the path, rights and space")
        return 1
    return None


def run() -> None:
    """Entry point of the installed script."""
    code = 130
    with contextlib.suppress(KeyboardInterrupt):  # a second one, and the first is told
        interrupts.heed()
        console.fill_closed_descriptors()
        wait_briefly()
        collect_rarely()
        code = main()
    interrupts.leave()
    leave(code)
