"""Read a file or folder of texts: what kind it is, and the utterances in it.

``load(path)`` is the one entry. The kind is known from the content (see ``kinds.detect``) and can
be forced. A file is decoded as UTF-8 (or UTF-16 with a byte order mark), line ends of any system.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from attnasr_cli.errors import DataError

KINDS = {
    "tsv": "tab-separated with a header: id or path, text, any other columns",
    "csv": "the same, comma-separated",
    "jsonl": "one JSON object per line: id or path, text, …",
    "json": "a transcript of `attnasr transcribe --format json`, or a list of objects",
    "txt": "one utterance: the whole file; or a folder of such files",
    "kaldi": "Kaldi text: an id, then the words",
    "trn": "NIST trn: the words, then (id)",
    "ctm": "NIST ctm: file channel begin duration word [confidence]",
    "stm": "NIST stm: file channel speaker begin end [<label>] text",
    "srt": "SubRip subtitles, one recording",
    "vtt": "WebVTT subtitles, one recording",
}
MARKED = ("trn", "ctm", "stm")  # texts in which (uh) and { a / b } mean something
ONE = ("txt", "srt", "vtt")  # a file is one recording, and its name the id


@dataclass(slots=True)
class Utterance:
    """One text and what the file says about it."""

    id: str
    text: str
    line: int = 0  # 0: the whole file
    columns: dict[str, str] = field(default_factory=dict)  # path, file, speaker, …
    source: str = ""  # the file, where it is one of a folder


@dataclass(frozen=True, slots=True)
class Word:
    """A line of a ctm; the lines that frame alternatives are words too: <ALT>."""

    begin: float
    duration: float
    word: str
    line: int
    alternative: bool = False  # inside <ALT_BEGIN> … <ALT_END>, these included

    @property
    def end(self) -> float:
        return self.begin + self.duration

    @property
    def middle(self) -> float:
        return self.begin + self.duration / 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A line of an stm."""

    file: str
    channel: str
    speaker: str
    begin: float
    end: float
    label: str
    text: str
    line: int

    @property
    def ignored(self) -> bool:
        text = self.text.upper().replace("_", "")
        return "IGNORETIMESEGMENTINSCORING" in text


Channels = dict[tuple[str, str], list[Word]]  # (file, channel) -> words in time order


@dataclass(slots=True)
class Texts:
    """All texts of one side."""

    path: str
    kind: str
    utterances: list[Utterance] = field(default_factory=list)
    channels: Channels = field(default_factory=dict)  # words with times: ctm, json
    segments: list[Segment] = field(default_factory=list)  # stm
    folder: bool = False
    empty: bool = False  # nothing is in the file, so its kind is not known

    @property
    def marked(self) -> bool:
        return self.kind in MARKED

    @property
    def one(self) -> bool:
        """One recording whose name is only that of the file."""
        return self.kind in ONE and not self.folder and len(self.utterances) == 1


def load(path: Path, kind: str | None = None) -> Texts:
    """Read a file or folder of texts."""
    from attnasr_cli.scoring import folders, kinds

    if kind is not None and kind not in KINDS:
        raise DataError(f"no format {kind!r}", f"one of: {', '.join(KINDS)}")
    if str(path) == "-":
        return kinds.read("stdin", decode(sys.stdin.buffer.read(), "stdin"), kind)
    if path.is_dir():
        return folders.read(path, kind)
    if not path.exists():
        raise DataError(f"{path}: no such file", "give a file or a folder of texts")
    return kinds.read(str(path), decode(path.read_bytes(), str(path)), kind)


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
