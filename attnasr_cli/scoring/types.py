"""The types of scoring, in the order of the flow: texts read → pairs → counts → scored rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

REF, HYP = "reference", "hypothesis"  # the two sides

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
    "ass": "Advanced SubStation Alpha subtitles, one recording",
    "lrc": "lyrics with times, one recording",
    "textgrid": "Praat's TextGrid, one recording: a tier of segments or words",
}
MARKED = ("trn", "ctm", "stm")  # texts in which (uh) and { a / b } mean something
ONE = (
    "txt",
    "srt",
    "vtt",
    "ass",
    "lrc",
    "textgrid",
)  # a file is one recording, and its name the id
ALT_BEGIN, ALT, ALT_END = "<ALT_BEGIN>", "<ALT>", "<ALT_END>"  # frames of alternatives in a ctm


@dataclass(frozen=True, slots=True)
class Want:
    """What the caller asks of a file: its side and, where given, its kind and the column of its
    texts."""

    side: str = REF
    kind: str | None = None
    column: str | None = None


@dataclass(slots=True)
class Utterance:
    """One text and what the file says about it."""

    id: str
    text: str
    line: int = 0  # 0: the whole file
    columns: dict[str, str] = field(default_factory=dict)  # path, file, speaker, …
    source: str = ""  # the file, where it is one of a folder


@dataclass(frozen=True, slots=True)
class TimedWord:
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
class StmSegment:
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


Channels = dict[tuple[str, str], list[TimedWord]]  # (file, channel) -> words in time order


@dataclass(slots=True)
class Texts:
    """All texts of one side."""

    path: str
    kind: str
    utterances: list[Utterance] = field(default_factory=list)
    channels: Channels = field(default_factory=dict)  # words with times: ctm, json
    segments: list[StmSegment] = field(default_factory=list)  # stm
    folder: bool = False
    recording: bool = False  # its rows are the segments of one recording
    empty: bool = False  # nothing is in the file, so its kind is not known
    column: str = ""  # of the texts, in tables and JSON
    note: str = ""  # what was decided that the user may have meant differently

    @property
    def marked(self) -> bool:
        return self.kind in MARKED

    @property
    def one(self) -> bool:
        """One recording whose name is only that of the file."""
        kind = self.kind in ONE or self.recording
        return kind and not self.folder and len(self.utterances) == 1


@dataclass(frozen=True, slots=True)
class Pair:
    """One utterance, before normalisation."""

    id: str
    reference: str
    hypothesis: str
    columns: Mapping[str, str] = field(default_factory=dict)  # speaker, file, … for --by
    marked: bool = False  # the texts may hold (optional) words and { alternatives / … }
    missing: bool = False  # there was no hypothesis; all words count as deleted
    where: str = ""  # "file:line: " for messages


@dataclass(frozen=True, slots=True)
class Pairing:
    """All pairs, and how they were found."""

    pairs: list[Pair]
    how: str  # one phrase for the result: "by id", "by file name", …
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of the columns of an alignment, and the rates that jiwer defines on them."""

    correct: int = 0
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    skipped: int = 0  # optional words that were not said; sclite counts them as correct

    @classmethod
    def of(cls, ops: str) -> Counts:
        """Count an alignment written as one letter (C, S, D, I, O) per column."""
        skipped = ops.count("O")
        correct = ops.count("C") + skipped
        return cls(correct, ops.count("S"), ops.count("D"), ops.count("I"), skipped)

    def __add__(self, other: Counts) -> Counts:
        return Counts.total((self, other))

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        correct = substituted = deleted = inserted = skipped = 0
        for part in parts:
            correct += part.correct
            substituted += part.substituted
            deleted += part.deleted
            inserted += part.inserted
            skipped += part.skipped
        return cls(correct, substituted, deleted, inserted, skipped)

    @property
    def errors(self) -> int:
        return self.substituted + self.deleted + self.inserted

    @property
    def reference(self) -> int:
        """Length of the reference, in units."""
        return self.correct + self.substituted + self.deleted

    @property
    def hypothesis(self) -> int:
        """Length of the hypothesis, in units."""
        return self.correct + self.substituted + self.inserted - self.skipped

    @property
    def error_rate(self) -> float:
        """Errors per unit of reference; without any reference, the number of insertions."""
        return self.errors / self.reference if self.reference else float(self.inserted)

    @property
    def mer(self) -> float:
        """Match error rate: the share of columns that are errors."""
        columns = self.correct + self.errors
        return self.errors / columns if columns else 0.0

    @property
    def wip(self) -> float:
        """Word information preserved."""
        if not self.reference:
            return 0.0 if self.hypothesis else 1.0
        if not self.hypothesis:
            return 0.0
        return (self.correct / self.reference) * (self.correct / self.hypothesis)

    @property
    def wil(self) -> float:
        """Word information lost."""
        return 1 - self.wip


@dataclass(frozen=True, slots=True)
class Compound:
    """Words of the reference and of the hypothesis that differ in spaces and hyphens only."""

    reference: str
    hypothesis: str
    at: int  # index of the first reference word
    hypothesis_at: int


@dataclass(frozen=True, slots=True)
class Row:
    """One scored utterance. Texts are normalised: units with one space between them."""

    id: str
    reference: str
    hypothesis: str
    ops: str  # one letter per column: C S D I, O for an optional word that was not said
    characters: Counts
    columns: Mapping[str, str]
    missing: bool = False
    slots: tuple[int, ...] | None = None  # see network.Aligned; None: 0, 1, 2, …
    compounds: tuple[Compound, ...] = ()  # now spelled as in the reference

    @property
    def words(self) -> Counts:
        return Counts.of(self.ops)

    def aligned(self) -> list[tuple[str, str, str]]:
        """The columns as (operation, reference unit, hypothesis unit); "" where there is none."""
        ref, hyp = iter(self.reference.split()), iter(self.hypothesis.split())
        return [
            (op, "" if op == "I" else next(ref), "" if op in "DO" else next(hyp)) for op in self.ops
        ]
