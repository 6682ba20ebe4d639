"""Commands whose options may also be set in ``attnasr.toml`` and in ``ATTNASR_*`` variables.

Typer finds each value: its ``envvar`` is the environment, its ``default_map`` the files, and the
parameter's source tells which of them it was.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterator, MutableMapping
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from attnasr_cli.errors import UsageError
from attnasr_cli.transcribe.config import COMMAND_LINE, DEFAULT, WANTED, Settings, from_files
from attnasr_cli.transcribe.options import OPTIONS, Option


class Files(MutableMapping[str, Any]):
    """The values of the configuration files, read when the first option is looked up that was not
    given otherwise."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Any, str]] | None = None

    def read(self) -> dict[str, tuple[Any, str]]:
        if self.found is None:
            self.found = from_files()
        return self.found

    def __getitem__(self, name: str) -> Any:
        return self.read()[name][0]

    def __setitem__(self, name: str, value: Any) -> None:
        raise TypeError("the files are only read")

    def __delitem__(self, name: str) -> None:
        raise TypeError("the files are only read")

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())


class Configured(TyperCommand):
    """A command that reads the configuration files, except for its help and for completion."""

    def make_context(self, info_name: Any, args: list[str], parent: Any = None, **more: Any) -> Any:
        if "--help" not in args and not more.get("resilient_parsing"):
            more["default_map"] = Files()
        try:
            return super().make_context(info_name, args, parent, **more)
        except Exception as problem:
            raise _with_its_variable(problem) from None


def _with_its_variable(problem: Exception) -> Exception:
    """The error, naming the environment variable if the wrong value comes from one."""
    context, parameter = getattr(problem, "ctx", None), getattr(problem, "param", None)
    if context is None or parameter is None or _source(context, parameter.name) != "ENVIRONMENT":
        return problem
    option = next(o for o in OPTIONS if o.name == parameter.name)
    text = os.environ.get(str(option.variable), "")
    return UsageError(f"{option.variable} is {text!r}", f"it takes {WANTED[option.kind]}")


def _source(context: Any, name: str) -> str:
    """COMMANDLINE, ENVIRONMENT, DEFAULT_MAP or DEFAULT."""
    source = context.get_parameter_source(name)
    return "DEFAULT" if source is None else str(source.name)


def settings_of(context: Any, options: list[Option]) -> Settings:
    """The values of options, as Typer found them."""
    values = {o.name: context.params[o.name] for o in options}
    sources = {}
    for option in options:
        if option.kind is list:
            values[option.name] = list(values[option.name] or ()) or None
        source = _source(context, option.name)
        if source == "COMMANDLINE":
            sources[option.name] = COMMAND_LINE
        elif source == "ENVIRONMENT":
            sources[option.name] = str(option.variable)
            if option.kind is list:  # Typer parts at white space, which paths may have
                parts = os.environ[str(option.variable)].split(",")
                values[option.name] = [part.strip() for part in parts if part.strip()]
        elif source == "DEFAULT_MAP":
            sources[option.name] = context.default_map.read()[option.name][1]
        else:
            sources[option.name] = DEFAULT
        _refuse_infinite(option, values[option.name], sources[option.name])
    return Settings(values, sources)


def _refuse_infinite(option: Option, value: Any, source: str) -> None:
    """NaN is neither above nor below any limit, and would pass every check that follows."""
    if isinstance(value, float) and not math.isfinite(value):
        name = option.flag if source == COMMAND_LINE else f"{source}: {option.name}"
        raise UsageError(f"{name} {value:g}", "use a finite number")


def takes(options: list[Option]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add options to a command, which gets them as ``settings`` beside its own parameters."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        def configured(context: typer.Context, **given: Any) -> int:
            settings = settings_of(context, options)
            own = {name: value for name, value in given.items() if name not in settings.values}
            return command(settings=settings, **own)

        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [
            inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
            *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own if p.name != "settings"),
            *map(_parameter, options),
        ]
        configured.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        configured.__annotations__ = {p.name: p.annotation for p in parameters}
        configured.__doc__, configured.__name__ = command.__doc__, command.__name__
        return configured

    return decorate


def _parameter(option: Option) -> inspect.Parameter:
    """An option as a parameter of Typer's."""
    names = [option.flag]
    if option.kind is bool and not option.name.startswith("no_") and not option.switch:
        names = [f"{option.flag}/--no-{option.flag[2:]}"]
    text = option.help
    if option.default not in (None, False):
        text += f" ({'on' if option.default is True else option.default} by default)"
    info = typer.Option(
        *names,
        *([option.short] if option.short else []),
        help=text,
        rich_help_panel=option.panel,
        metavar=option.metavar,
        envvar=option.variable,
        show_envvar=False,
        show_default=False,
    )
    kind: Any = list[str] if option.kind is list else option.kind
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[kind | None, info],
    )


def configured_value(name: str) -> tuple[Any, str]:
    """The value and the source of one option when the command line does not give it."""
    option = next(o for o in OPTIONS if o.name == name)
    app = typer.Typer()

    def nothing(settings: Settings) -> int:
        return 0

    app.command(cls=Configured)(takes([option])(nothing))
    with typer.main.get_command(app).make_context("attnasr", []) as context:
        settings = settings_of(context, [option])
    return settings[name], settings.sources[name]
