"""Finds the recordings of a command line: files, folders with patterns, lists, stdin, addresses."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from attnasr_cli import console, data, remote
from attnasr_cli.data import AUDIO_ENDINGS, STDIN
from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.files import display_name

ENDINGS = frozenset(AUDIO_ENDINGS)
HIDDEN = "."


@dataclass(frozen=True)
class Input:
    """One recording."""

    path: Path | str
    """a file, or an address"""
    name: PurePath
    """its path in the tree that is mirrored under the output folder"""
    shown: str
    """its name in messages and results"""
    size: int | None = None
    """bytes of a file at an address, where known"""


def printable(name: str) -> str:
    """A name on one line: line ends and other control characters are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


@dataclass(frozen=True)
class Patterns:
    """Which files of a folder are taken."""

    include: Sequence[str] = ()
    """only files that match one of these; without any, files with the ending of an audio or video
    format"""
    exclude: Sequence[str] = ()

    def take(self, name: PurePath) -> bool:
        """Whether a file is taken. name: its path inside the given folder; patterns are matched
        against the whole path and against its last part."""
        if any(_matches(name, pattern) for pattern in self.exclude):
            return False
        if self.include:
            return any(_matches(name, pattern) for pattern in self.include)
        return name.suffix.lower() in ENDINGS

    def may_take(self, name: PurePath) -> bool:
        """Whether it is for the content to decide: ``.ts`` is a broadcast or a TypeScript."""
        excluded = any(_matches(name, pattern) for pattern in self.exclude)
        return not self.include and not excluded and name.suffix.lower() == ".ts"


def _is_broadcast(path: Path) -> bool:
    """Whether packets of an MPEG transport stream begin a file: 188 bytes, each from 0x47 on."""
    try:
        with path.open("rb") as file:
            head = file.read(2 * 188 + 1)
    except OSError:
        return False
    return head[:1] == head[188:189] == head[376:377] == b"G"


def _matches(name: PurePath, pattern: str) -> bool:
    return fnmatch.fnmatch(str(name), pattern) or fnmatch.fnmatch(name.name, pattern)


def find(
    given: Sequence[str],
    patterns: Patterns | None = None,
    output_dir: Path | None = None,
    empty_is_fine: bool = False,
    stdin: Path | None = None,
) -> list[Input]:
    """Recordings of all arguments, in their order, folders sorted, each file once.

    The output folder and hidden entries inside a folder are left out. A file that is missing and a
    folder that may not be read are kept: reading them will say so. ``stdin``: where a copy of stdin
    stands. Raises UsageError where nothing is found.
    """
    patterns = patterns or Patterns()
    here = [text for text in given if text != STDIN and not remote.is_url(text)]
    folders = [Path(text) for text in here if is_folder(text)]
    tops = _top_names(folders)
    files = [path for text in here if (path := Path(text)) not in tops]
    file_names = _file_names(files)
    found: list[Input] = []
    seen: set[Path | str] = set()
    for text in given:
        path = Path(text)
        if remote.is_url(text):
            for item in _at(text, patterns, len(given) > 1):
                if item.path not in seen:
                    seen.add(item.path)
                    found.append(item)
        elif text == STDIN:
            found.append(Input(stdin or Path(STDIN), PurePath("stdin"), "stdin"))
        elif path in tops:
            closed: list[Path] | None = None if empty_is_fine else []
            inside = list(walk(path, patterns, output_dir, closed))
            for folder in closed or ():
                name = tops[path] / folder.relative_to(path) / "*"  # the name of no output
                found.append(Input(folder, name, display_name(folder)))
            if not inside and not closed and not empty_is_fine:
                console.warn(f"no recordings in {printable(display_name(path))}")
            for file in inside:
                if file not in seen:
                    seen.add(file)
                    name = tops[path] / file.relative_to(path)
                    found.append(Input(file, name, display_name(file)))
        elif path not in seen:
            seen.add(path)
            found.append(Input(path, file_names[path], display_name(path)))
    if not found and not empty_is_fine:
        raise UsageError(
            "no recordings to transcribe",
            "name files or folders; --include '*.xyz' takes files with an unusual ending",
        )
    return _unique(found)


def _at(url: str, patterns: Patterns, several: bool) -> Iterator[Input]:
    """The recordings at an address: the one it names, or all below it."""
    if not remote.is_folder(url):
        yield Input(url, PurePath(remote.name_of(url)), url)
        return
    top = PurePath(remote.name_of(url.rstrip("/"))) if several else PurePath()
    for address, name, size in remote.walk(url):
        hidden = any(part.startswith(HIDDEN) for part in name.parts)
        if not hidden and patterns.take(name):
            yield Input(address, top / name, address, size)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder; false for a name that no file can have (too long, a zero
    byte)."""
    try:
        return os.path.isdir(path)
    except ValueError:
        return False


def _unique(found: Sequence[Input]) -> list[Input]:
    """The inputs, with numbers appended to names that several of them share."""
    used: set[PurePath] = set()
    result: list[Input] = []
    for item in found:
        name, number = item.name, 2
        while name in used:
            name = item.name.with_name(f"{item.name.stem}-{number}{item.name.suffix}")
            number += 1
        used.add(name)
        result.append(replace(item, name=name))
    return result


def walk(
    folder: Path,
    patterns: Patterns,
    output_dir: Path | None = None,
    closed: list[Path] | None = None,
) -> Iterator[Path]:
    """Recordings under a folder, sorted; links are followed, but no folder is entered twice. A
    folder that may not be read is added to ``closed``; without it, a warning names it."""
    skipped = None if output_dir is None else _identity(output_dir)
    entered: set[tuple[int, int]] = set()
    root = _identity(folder)
    if root is not None:
        entered.add(root)

    def complain(problem: OSError) -> None:
        path = Path(problem.filename or folder)
        if closed is None:
            console.warn(f"{printable(display_name(path))}: {problem.strerror}", once=True)
        else:
            closed.append(path)

    for here, subfolders, files in os.walk(folder, followlinks=True, onerror=complain):
        subfolders.sort()
        kept: list[str] = []
        for name in subfolders:
            identity = _identity(Path(here, name))
            if name.startswith(HIDDEN) or identity is None or identity == skipped:
                continue
            if identity in entered:
                known = printable(display_name(Path(here, name)))
                console.note(f"{known} is left out: seen already", once=True)
                continue
            entered.add(identity)
            kept.append(name)
        subfolders[:] = kept
        for name in sorted(files):
            path = Path(here, name)
            if name.startswith(HIDDEN):
                continue
            inside = path.relative_to(folder)
            if patterns.take(inside) or (patterns.may_take(inside) and _is_broadcast(path)):
                yield path


def read_list(name: str) -> list[str]:
    """The paths in a list, one on each line or separated by NUL; ``-`` is stdin.

    Empty lines and those that begin with ``#`` are left out; a line that is a JSON string stands
    for what is in it, so that names with line ends can be listed. Relative paths start from here.
    """
    try:
        content = data.stdin().read() if name == STDIN else Path(name).read_bytes()
    except OSError as problem:
        raise DataError(
            f"cannot read the list {name}: {problem.strerror}", "check the path of --from-file"
        ) from None
    if b"\0" in content:
        return [os.fsdecode(part) for part in content.split(b"\0") if part]
    paths: list[str] = []
    for raw in content.split(b"\n"):
        line = os.fsdecode(raw.rstrip(b"\r"))
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith('"') and line.endswith('"'):
            with contextlib.suppress(ValueError):
                line = str(json.loads(line))
        paths.append(line)
    if not paths:
        raise DataError(f"the list {name} is empty", "one path a line")
    return paths


def listed(path: str) -> str:
    """A path as ``read_list`` reads it back."""
    plain = path.isprintable() and not path.startswith(("#", '"')) and path == path.strip()
    return path if plain else json.dumps(path, ensure_ascii=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _top_names(folders: Sequence[Path]) -> dict[Path, PurePath]:
    """The prefix for the names of each folder's files; empty if there is only one folder."""
    unique = list(dict.fromkeys(folders))
    if len(unique) <= 1:
        return {folder: PurePath() for folder in unique}
    names: dict[Path, PurePath] = {}
    used: set[str] = set()
    for folder in unique:
        name = base = folder.resolve().name or "root"
        number = 2
        while name.casefold() in used:
            name, number = f"{base}-{number}", number + 1
        used.add(name.casefold())
        names[folder] = PurePath(name)
    return names


def _file_names(files: Iterable[Path]) -> dict[Path, PurePath]:
    """Names of single files: the last part, or, where two share it, from their common folder."""
    unique = list(dict.fromkeys(files))
    counts: dict[str, int] = {}
    for file in unique:
        counts[file.name.casefold()] = counts.get(file.name.casefold(), 0) + 1
    twins = [file for file in unique if counts[file.name.casefold()] > 1]
    common = Path(os.path.commonpath([f.absolute().parent for f in twins])) if twins else Path()
    return {
        file: PurePath(file.absolute().relative_to(common))
        if counts[file.name.casefold()] > 1
        else PurePath(file.name)
        for file in unique
    }
