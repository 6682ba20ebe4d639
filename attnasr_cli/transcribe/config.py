"""Where the value of an option comes from: command line, environment, ./attnasr.toml, the user's
attnasr.toml, default; the first that has it wins."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attnasr_cli.errors import UsageError
from attnasr_cli.transcribe.options import OPTIONS, Option

FILE = "attnasr.toml"
TABLE = "transcribe"
PREFIX = "ATTNASR_"
OTHERS = frozenset({"ATTNASR_MODELS", "ATTNASR_CACHE"})  # not options of this command
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True)
class Config:
    """Values of all options and the source of each."""

    values: dict[str, Any]
    sources: dict[str, str]
    warnings: list[str] = field(default_factory=list)
    """variables that look like options and are none"""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def given(self, name: str) -> bool:
        """Whether somebody chose the value."""
        return self.sources[name] != "default"


def user_file() -> Path:
    """The configuration file in the user's folder; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_dir("attnasr", appauthor=False)) / FILE


def resolve(
    given: Mapping[str, Any],
    options: Sequence[Option] = OPTIONS,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """given: what the command line says; None is nothing. Raises UsageError for a wrong value."""
    environment = os.environ if environment is None else environment
    from_environment, warnings = _from_environment(options, environment)
    layers = [
        {name: (value, "command line") for name, value in given.items() if value is not None},
        from_environment,
        _from_file(Path(FILE), options),
        _from_file(user_file(), options),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for option in options:
        for layer in layers:
            if option.name in layer:
                values[option.name], sources[option.name] = layer[option.name]
                break
        else:
            values[option.name], sources[option.name] = option.default, "default"
    return Config(values, sources, warnings)


def set_default(name: str, value: str) -> None:
    """Write one option of kind text into the user's file, and leave the rest of it as it is.
    Raises UsageError where the file cannot be read, OutputError where it cannot be written."""
    from attnasr_cli.checkpoint.tables import dumps
    from attnasr_cli.files import write_text

    path = user_file()
    _from_file(path, OPTIONS)  # a file that is wrong is not made worse
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    row = dumps({name: value}).strip()
    bare = [line.split("#")[0].strip() for line in lines]
    if f"[{TABLE}]" not in bare:
        lines, bare = [*lines, f"[{TABLE}]"], [*bare, f"[{TABLE}]"]
    header = bare.index(f"[{TABLE}]")
    old = [i for i, line in enumerate(lines) if re.match(rf"\s*{name}\s*=", line)]
    if old:
        lines[old[0]] = row
    else:
        lines.insert(header + 1, row)
    write_text(path, "\n".join(lines) + "\n")


def show(config: Config, options: Sequence[Option] = OPTIONS) -> str:
    """One line an option: a valid line of TOML, and as a comment where it comes from."""
    from attnasr_cli.checkpoint.tables import inline

    lines = [f"[{TABLE}]"]
    width = max(len(option.name) for option in options)
    for option in options:
        if not option.config:
            continue
        value, source = config[option.name], config.sources[option.name]
        if value is None or value == []:
            lines.append(f"# {option.name:<{width - 2}} = (nothing)  # {source}")
            continue
        lines.append(f"{option.name:<{width}} = {inline(value)}  # {source}")
    return "\n".join(lines)


def _from_environment(
    options: Sequence[Option], environment: Mapping[str, str]
) -> tuple[dict[str, tuple[Any, str]], list[str]]:
    names = {PREFIX + option.name.upper(): option for option in options if option.config}
    found: dict[str, tuple[Any, str]] = {}
    warnings: list[str] = []
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in OTHERS or not text:
            continue
        if variable not in names:
            near = difflib.get_close_matches(variable, names, n=1)
            warnings.append(
                f"{variable} is no option" + (f"; did you mean {near[0]}?" if near else "")
            )
            continue
        option = names[variable]
        found[option.name] = (_parsed(text, option, variable), variable)
    return found, warnings


def _parsed(text: str, option: Option, where: str) -> Any:
    if option.kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if option.kind is bool:
        if text.lower() in TRUE:
            return True
        if text.lower() in FALSE:
            return False
        raise UsageError(f"{where} is {text!r}", "use true or false")
    try:
        return option.kind(text)
    except ValueError:
        raise UsageError(f"{where} is {text!r}", f"it takes {_wanted(option)}") from None


def _from_file(path: Path, options: Sequence[Option]) -> dict[str, tuple[Any, str]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path}: {problem}", "repair the file or move it away") from None
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}", "check its rights") from None
    for table in content:
        if table != TABLE:
            raise UsageError(f"{path} has an unknown table [{table}]", f"known: [{TABLE}]")
    table_content = content.get(TABLE, {})
    if not isinstance(table_content, dict):
        raise UsageError(f"{path}: {TABLE} is not a table", f"write [{TABLE}]")
    known = {option.name: option for option in options if option.config}
    found: dict[str, tuple[Any, str]] = {}
    for key, value in table_content.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise UsageError(
                f"{path} has an unknown option {key!r}",
                f"did you mean {near[0]!r}?" if near else "see attnasr transcribe --help",
            )
        found[name] = (_checked(value, known[name], f"{path}, {key}"), str(path))
    return found


def _checked(value: Any, option: Option, where: str) -> Any:
    if option.kind is float and type(value) is int:
        return float(value)
    right = type(value) is option.kind
    if option.kind is list and right:
        right = all(isinstance(item, str) for item in value)
    if not right:
        raise UsageError(f"{where} is {value!r}", f"it takes {_wanted(option)}")
    return value


def _wanted(option: Option) -> str:
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(option.kind, "a list of texts")
