"""Shell completion: ``attnasr --install-completion`` once, then the Tab key knows commands and
options. The commands are put together into one Typer app, which is what Typer can complete."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from importlib import import_module

import typer


def run(args: Sequence[str], commands: Mapping[str, tuple[str, str]]) -> int:
    """Answer the shell, or install or show its script."""
    if len(args) > 1:  # a shell is named: Typer would look which one it runs in all the same
        os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    command = typer.main.get_command(whole_app(commands))
    try:
        command(list(args), prog_name="attnasr")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def whole_app(commands: Mapping[str, tuple[str, str]]) -> typer.Typer:
    """All commands as one app. commands: name → (module, one-line help)."""
    whole = typer.Typer(name="attnasr", add_completion=True)

    @whole.callback()
    def attnasr() -> None:
        """Speech to text with attention encoder-decoders."""

    for name, (module, text) in commands.items():
        try:
            app: typer.Typer = import_module(f"attnasr_cli.commands.{module}").app
        except ImportError:
            continue  # a command whose parts are missing must not stop the others
        if len(app.registered_commands) == 1 and not app.registered_groups:
            info = copy(app.registered_commands[0])
            info.name, info.help = name, text
            whole.registered_commands.append(info)
        else:
            whole.add_typer(app, name=name, help=text)
    return whole
