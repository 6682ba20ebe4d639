"""``attnasr.toml``, here and in the user's folder, and where the value of each option comes from:
command line, environment, the file here, the user's file, default; the first that has it wins.

Typer looks the values up (``commands/configured.py``); this module reads and writes the files.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from attnasr_cli.errors import UsageError
from attnasr_cli.transcribe.options import OPTIONS, PREFIX, Option

FILE = "attnasr.toml"
TABLE = "transcribe"
OTHERS = frozenset({"ATTNASR_MODELS", "ATTNASR_CACHE"})  # variables that are not options
WANTED = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
COMMAND_LINE, DEFAULT = "command line", "default"

Group = TypeVar("Group")


@dataclass(frozen=True)
class Settings:
    """Values of options and the source of each."""

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    """option → ``COMMAND_LINE``, a variable, a file, or ``DEFAULT``"""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def of(self, group: type[Group]) -> Group:
        """An instance of a dataclass of options, with these values. Raises UsageError where it
        refuses one."""
        return group(**{f.name: self.values[f.name] for f in fields(group)})  # type: ignore[arg-type]

    def given(self, name: str) -> bool:
        """Whether the value was chosen, and is not a default."""
        return self.sources[name] != DEFAULT


def user_file() -> Path:
    """The configuration file in the user's folder; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_dir("attnasr", appauthor=False)) / FILE


def from_files() -> dict[str, tuple[Any, str]]:
    """Option → (value, file) from both files. Raises UsageError for a wrong file, key or value."""
    return _from_file(user_file()) | _from_file(Path(FILE))


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """A warning for each ``ATTNASR_*`` variable that is not an option."""
    names = {option.variable for option in OPTIONS if option.variable} | OTHERS
    found = []
    for variable, text in environment.items():
        if variable.startswith(PREFIX) and text and variable not in names:
            near = difflib.get_close_matches(variable, names, n=1)
            found.append(
                f"{variable} is not an option" + (f"; did you mean {near[0]}?" if near else "")
            )
    return found


def set_default(name: str, value: str) -> None:
    """Write one text option into the user's file, leaving the rest of the file unchanged. Raises
    UsageError where the file cannot be read, OutputError where it cannot be written."""
    from attnasr_cli.checkpoint.tables import dumps
    from attnasr_cli.files import write_text

    path = user_file()
    _from_file(path)  # a file that is wrong is not made worse
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


def show(settings: Settings, options: Sequence[Option] = OPTIONS) -> str:
    """One line for each option: valid TOML, with its source as a comment."""
    from attnasr_cli.checkpoint.tables import inline

    lines = [f"[{TABLE}]"]
    width = max(len(option.name) for option in options)
    for option in options:
        if not option.config:
            continue
        value, source = settings[option.name], settings.sources[option.name]
        if value is None:
            lines.append(f"# {option.name:<{width - 2}} = (nothing)  # {source}")
            continue
        lines.append(f"{option.name:<{width}} = {inline(value)}  # {source}")
    return "\n".join(lines)


def _from_file(path: Path) -> dict[str, tuple[Any, str]]:
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
    known = {option.name: option for option in OPTIONS if option.config}
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
    """The value converted to the type of the option. Raises UsageError for one of another type:
    TOML tells numbers from text and true from 1."""
    if option.kind is float and type(value) is int:
        return float(value)
    right = type(value) is option.kind
    if option.kind is list and right:
        right = all(isinstance(item, str) for item in value)
    if not right:
        raise UsageError(
            f"{where} is {value!r}", f"it takes {WANTED.get(option.kind, 'a list of texts')}"
        )
    return value
