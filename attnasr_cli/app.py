"""The command line: ``main(argv)`` runs one command and returns its exit code.

This is the one place where errors are printed. Exit codes: 0 all done, 1 something failed,
2 the command line is wrong, 3 ``score --fail-above``, 130 Ctrl-C. No command module, and so no
torch, is imported before it is asked for: ``attnasr --help`` must start in a blink.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from attnasr_cli import __version__, console
from attnasr_cli.device import wait_briefly
from attnasr_cli.errors import AttnasrError, UsageError

# name -> (module, one-line help). A command module has `app: typer.Typer` or `command`, a function.
COMMANDS: dict[str, tuple[str, str]] = {
    "transcribe": ("transcribe", "Turn recordings into text."),
    "train": ("train", "Train a model on your own recordings from a recipe."),
    "score": ("score", "Word and character error rates of hypotheses against references."),
    "attend": ("attend", "Show where a model looked while it wrote."),
    "models": ("models", "List, show, pull and export models."),
    "doctor": ("doctor", "Show what this machine offers and run a short self-test."),
}

COMPLETION = "_ATTNASR_COMPLETE"  # set by the shell's script when it asks for completions
COMPLETION_FLAGS = ("--install-completion", "--show-completion")


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "attnasr: speech to text with attention encoder-decoders",
            "",
            "usage: attnasr COMMAND [options]    attnasr COMMAND --help",
            "",
            *lines,
            "",
            "  --version   print the version",
            "  --install-completion, --show-completion   the Tab key, for this shell",
            "  --debug     (after any command) show the traceback of an error",
            "",
            "Results go to stdout, everything else to stderr.",
        ]
    )


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
    if COMPLETION in os.environ or (args and args[0] in COMPLETION_FLAGS):
        from attnasr_cli.completion import run

        return run(args, COMMANDS)
    if not args or args[0] in ("-h", "--help", "help"):
        console.result(_help())
        return 0 if args else 2
    if args[0] == "--version":
        console.result(f"attnasr {__version__}")
        return 0
    name = args[0]
    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=1)
        raise UsageError(
            f"no command {name!r}", f"did you mean {near[0]!r}?" if near else "see attnasr --help"
        )
    return _dispatch(name, args[1:])


def _guard(action: Callable[[], int | None], debug: bool) -> int:
    """The exit code of an action; every known failure becomes one line and a hint."""
    try:
        return action() or 0
    except AttnasrError as problem:
        if debug:
            import traceback

            traceback.print_exc()
        console.error(problem.message, problem.hint)
        return problem.exit_code
    except KeyboardInterrupt:
        console.error("interrupted")
        return 130
    except BrokenPipeError:  # the reader (head, less) has gone: not an error of ours
        return 1
    except OSError as problem:
        if debug:
            raise
        where = f"{problem.filename}: " if problem.filename else ""
        console.error(f"{where}{problem.strerror or problem}", "check the path, rights and space")
        return 1


def _dispatch(name: str, args: list[str]) -> int:
    import typer

    module = importlib.import_module(f"attnasr_cli.commands.{COMMANDS[name][0]}")
    app: typer.Typer = module.app
    command = typer.main.get_command(app)
    try:
        # Typer carries its own Click; its usage errors know how to show themselves.
        code = command.main(args=args, prog_name=f"attnasr {name}", standalone_mode=False)
    except Exception as problem:
        show = getattr(problem, "format_message", None)
        if show is None:
            if type(problem).__name__ == "Abort":
                raise KeyboardInterrupt from None
            raise
        console.error(show(), f"see attnasr {name} --help")
        return 2
    return int(code) if isinstance(code, int) else 0


def run() -> None:
    """Entry point of the installed script."""
    console.fill_closed_descriptors()
    wait_briefly()
    sys.exit(main())
