"""``attnasr`` as a Typer group that imports a command's module when the command is asked for.

Shell completion is Typer's own: ``attnasr --install-completion`` once, then the Tab key knows
commands and options.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]

from attnasr_cli import console
from attnasr_cli.commands import COMMANDS, COMPLETION, help_text
from attnasr_cli.errors import UsageError
from attnasr_cli.version import __version__

if TYPE_CHECKING:
    from typer.core import TyperCommand

INTERRUPTED = 130
"""Typer's exit code in the place of a KeyboardInterrupt"""
COMPLETION_FLAGS = ("--install-completion", "--show-completion")


class LazyGroup(TyperGroup):
    """The commands of ``COMMANDS``, each imported by ``get_command``."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:
        if cmd_name not in COMMANDS:
            return None
        app: typer.Typer = import_module(f"attnasr_cli.commands.{cmd_name}").app
        command: Any = typer.main.get_command(app)
        command.name, command.short_help = cmd_name, COMMANDS[cmd_name]
        for each in (command, *getattr(command, "commands", {}).values()):
            each.help = _unwrapped(each.help)
        return command  # type: ignore[no-any-return]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see attnasr --help"
            raise UsageError(f"no command {args[0]!r}", hint)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without the import of any."""
        if not incomplete.startswith("-"):
            names = [name for name in COMMANDS if name.startswith(incomplete)]
            return [CompletionItem(name, help=COMMANDS[name]) for name in names]
        return super().shell_complete(ctx, incomplete)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.write(help_text() + "\n")


def _unwrapped(text: str | None) -> str | None:
    """A docstring's paragraphs on a line each, for a terminal to wrap: Typer keeps line ends."""
    return text and re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(text))


def _version(wanted: bool) -> None:
    if wanted:
        console.result(f"attnasr {__version__}")
        raise typer.Exit


def attnasr(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version)] = False,
) -> None:
    """Speech to text with attention encoder-decoders."""


def group(whole: bool) -> Any:
    """The whole command line. whole: with ``--help`` and what shells need. Else these are left out,
    as ``app`` answers ``--help`` itself and Typer would import pydantic to convert their defaults
    (0.08 s of CPU time)."""
    app = typer.Typer(name="attnasr", cls=LazyGroup, add_completion=whole)
    app.callback(add_help_option=whole)(attnasr)
    return typer.main.get_command(app)


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit code. Raises UsageError for a wrong one."""
    flagged = bool(args) and args[0] in COMPLETION_FLAGS
    if flagged and len(args) > 1:
        # a shell is named: Typer would look which one it runs in all the same
        os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    command = group(flagged or COMPLETION in os.environ)
    try:
        code = command.main(args=list(args), prog_name="attnasr", standalone_mode=False)
    except SystemExit as end:  # completion ends so
        code = end.code
    except Exception as problem:
        # Typer carries its own Click; its usage errors know how to show themselves.
        show = getattr(problem, "format_message", None)
        if show is None:
            if type(problem).__name__ == "Abort":
                raise KeyboardInterrupt from None
            raise
        if not show():  # the help of a group was asked for by giving it nothing
            return 2
        context = getattr(problem, "ctx", None)
        path = context.command_path if context is not None else "attnasr"
        raise UsageError(show(), f"see {path} --help") from None
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0
