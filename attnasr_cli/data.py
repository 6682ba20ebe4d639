"""Rows of data files: TSV, CSV, JSON Lines and JSON, each with its line; endings of audio files.

The only reader of such files, for training and scoring alike. A text is UTF-8, or UTF-16/32 with a
byte order mark (UTF-16 also without one), with the line ends of any system. Lines end at line ends
only: U+2028, NEL and form feeds, at which ``str.splitlines`` cuts, are part of the text.

>>> [(row.line, row.values["text"]) for row in read_table("a.csv", "id;text\\n1;so, yes\\n").rows]
[(2, 'so, yes')]
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from attnasr_cli.errors import DataError, UsageError

# The most usual ones first: where only a stem is known, they are tried in this order.
SOUND = (
    "flac wav mp3 ogg opus m4a oga mp2 m4b aac wma amr aif aiff aifc au snd caf w64 rf64 ac3 eac3"
    " dts mka spx ape wv tta voc sph nist"
)
VIDEO = "webm mp4 m4v mkv mov avi wmv asf 3gp 3g2 mts m2ts flv f4v mpg mpeg vob ogv"
AUDIO_ENDINGS = tuple(f".{name}" for name in f"{SOUND} {VIDEO}".split())

STDIN = "-"
"""what stands for standard input where a file is named"""
DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_EXCEL = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)  # Excel's own first line
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of one row by the names of their columns, and the line on which it begins."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the names of its columns, and its rows as they are read."""

    line: int  # of the header
    columns: list[str]
    delimiter: str
    rows: Iterator[Row]


def stdin() -> BinaryIO:
    """Standard input as bytes. Raises UsageError where the shell closed it (``<&-``)."""
    if sys.stdin is None:
        raise UsageError("stdin is closed", "pipe something in, or name a file in place of -")
    return sys.stdin.buffer


def read_text(path: Path) -> str:
    """The text of a file (``-``: of stdin) with ``\\n`` as line end. Raises DataError."""
    if str(path) == STDIN:
        return decode(stdin().read(), "stdin")
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as problem:
        raise DataError(
            f"cannot read {path}: {problem.strerror}", "check path and rights"
        ) from None
    except DataError:
        if path.suffix.lower() not in AUDIO_ENDINGS:
            raise
        raise DataError(
            f"{path} is a recording, not a text", f"attnasr transcribe {path} writes its text"
        ) from None


def decode(data: bytes, name: str) -> str:
    """Bytes as text with ``\\n`` as line end.

    Raises DataError with the line of what cannot be decoded, or of a NUL.
    """
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        byte = data[problem.start]
        raise DataError(
            f"{name}:{line}: not {encoding.upper().removesuffix('-SIG')}: byte 0x{byte:02x}",
            f"convert it: iconv -f latin1 -t utf-8 {name}",
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{name}:{line}: a NUL character: not a text file", "check the path")
    return text


def _encoding(data: bytes) -> str:
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = data[:2000]
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if max(low, high) > len(sample) // 5 and not min(low, high):
        return "utf-16-le" if high else "utf-16-be"  # every other byte of Latin letters is 0
    return "utf-8-sig"


def delimiter(header: str, known: Collection[str] = ()) -> str:
    """The delimiter of a table, from its header: the one with the most known names, then names."""
    best, most = ",", (-1, 0)
    for mark in (",", "\t", ";", "|"):
        names = header_names(header, mark)
        found = sum(name.lower() in known for name in names), len(names)
        if found > most:
            best, most = mark, found
    return best


def header_names(header: str, mark: str) -> list[str]:
    """The names in a header line, without the quotes around them."""
    try:
        fields = next(csv.reader([header], delimiter=mark), [])
    except csv.Error:
        fields = header.split(mark)
    return [field.strip() for field in fields]


def read_table(name: str, text: str, mark: str | None = None, known: Collection[str] = ()) -> Table:
    """A table whose first line names its columns.

    name: of the file, for messages. mark: its delimiter, or None to find out (see
    ``delimiter``). Raises DataError, with the line, for a row of another length than the header,
    a quote that is not closed, a name that two columns have. A tab-separated file has no quoting
    unless its header is quoted: a lone " in a sentence is a ".
    """
    skipped = 0
    lines = text.split("\n")
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    if skipped < len(lines) and (match := _EXCEL.match(lines[skipped])):
        mark = mark or match.group(1)
        skipped += 1
    if skipped >= len(lines) or not lines[skipped].strip():
        raise DataError(f"{name}: empty", "a table begins with its column names")
    header = lines[skipped]
    mark = mark or delimiter(header, known)
    unquoted = mark == "\t" and not re.match(r'\s*"[^"\t]*"\s*(\t|$)', header)
    csv.field_size_limit(1 << 30)
    reader = csv.reader(
        io.StringIO("\n".join(lines[skipped:]) if skipped else text),
        delimiter=mark,
        quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
        strict=not unquoted,
    )
    fields = _numbered(name, reader, skipped)
    names = [unicodedata.normalize("NFC", item.strip()) for item in next(fields)[1]]
    twice = [item for item in dict.fromkeys(names) if item and names.count(item) > 1]
    if twice:
        raise DataError(
            f"{name}:{skipped + 1}: two columns are called {twice[0]!r}", "name them apart"
        )
    return Table(skipped + 1, names, mark, _rows(name, fields, names, mark))


def _numbered(name: str, reader: Any, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """The fields of every row with the line on which it begins."""
    while True:
        line = skipped + reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise DataError(
                f"{name}:{line}: {problem}", 'check the quotes: a " inside a field is written ""'
            ) from None
        yield line, row


def _rows(
    name: str, fields: Iterator[tuple[int, list[str]]], names: list[str], mark: str
) -> Iterator[Row]:
    for line, row in fields:
        if not any(item.strip() for item in row):
            continue
        if len(row) < len(names) or any(item.strip() for item in row[len(names) :]):
            raise DataError(
                f"{name}:{line}: {len(row)} fields, but the header has {len(names)}",
                f"fields are separated by {DELIMITERS.get(mark, repr(mark))}",
            )
        yield Row(line, dict(zip(names, row, strict=False)))


def read_jsonl(name: str, text: str) -> Iterator[Row]:
    """One JSON object a line; empty lines are left out. Raises DataError with the line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{name}:{number}: not JSON: {problem}", "one object a line") from None
        yield Row(number, checked_object(values, f"{name}:{number}"))


def read_json(name: str, text: str) -> Any:
    """A whole JSON file. Raises DataError, with the line where it is not JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        raise DataError(f"{name}:{problem.lineno}: not JSON: {problem.msg}", "check it") from None
    except RecursionError:
        raise DataError(f"{name}: JSON nested too deeply", "check the file") from None


def checked_object(values: Any, where: str) -> dict[str, Any]:
    """A JSON value as an object. where: "file:line" for messages. Raises DataError if it is none,
    or if a text in it holds half of a surrogate pair, which cannot be written."""
    if not isinstance(values, dict):
        raise DataError(f"{where}: not an object", 'like {"id": "a", "text": "b"}')
    for key, value in values.items():
        if isinstance(value, str) and (half := _SURROGATE.search(value)):
            raise DataError(
                f"{where}: {key} holds half of a character: \\u{ord(half[0]):x}",
                "a character beyond U+FFFF needs both of its surrogates",
            )
    return values


def read_rows(path: Path, needed: Sequence[str], known: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a file, whichever of the four it is by its content; ``.tsv`` has tabs.

    needed: columns without which a row is an error. known: further names that columns may have,
    to tell delimiters apart. Raises DataError.
    """
    name, text = str(path), read_text(path)
    start = text.lstrip()[:1]
    if start == "{":
        rows = read_jsonl(name, text)
    elif start == "[":
        rows = (
            Row(0, checked_object(values, f"{name}: entry {number}"))
            for number, values in enumerate(read_json(name, text), 1)
        )
    else:
        mark = "\t" if path.suffix.lower() == ".tsv" else None
        table = read_table(name, text, mark, {*needed, *known})
        _need(needed, table.columns, f"{name}:{table.line}")
        rows = table.rows
    for row in rows:
        _need(needed, row.values, f"{name}:{row.line}" if row.line else name)
        yield row


def _need(needed: Sequence[str], columns: Collection[str], where: str) -> None:
    for column in needed:
        if column not in columns:
            raise DataError(
                f"{where}: no column {column!r}", f"there are: {', '.join(columns)[:200]}"
            )
