"""One file's content as texts: decode its bytes, find its kind, and call that kind's reader."""

from __future__ import annotations

from attnasr_cli.errors import DataError
from attnasr_cli.scoring.read import nist_files, subtitles, tables
from attnasr_cli.scoring.read.detect import detect
from attnasr_cli.scoring.types import Texts, Utterance


def parse(name: str, text: str, kind: str | None = None) -> Texts:
    """Parse the content of one file."""
    empty = kind is None and not text.strip()
    kind = kind or detect(name, text)
    if kind == "txt":
        return Texts(
            name, kind, [Utterance(subtitles.stem(name), " ".join(text.split()))], empty=empty
        )
    if kind in ("srt", "vtt"):
        return subtitles.read(name, text, kind)
    if kind in ("tsv", "csv"):
        return tables.read_table(name, text, kind)
    if kind == "jsonl":
        return tables.read_jsonl(name, text)
    if kind == "json":
        return tables.read_json(name, text)
    return nist_files.READERS[kind](name, text)


def decode(data: bytes, name: str) -> str:
    """Bytes as text with plain line ends; what cannot be decoded is named with its line."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        byte = data[problem.start]
        raise DataError(
            f"{name}:{line}: not {encoding.upper().removesuffix('-SIG')}: byte 0x{byte:02x}",
            f"convert it: iconv -f latin1 -t utf-8 {name}",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{name}:{line}: a NUL character: not a text file", "check the path")
    return text.replace("\r\n", "\n").replace("\r", "\n")
