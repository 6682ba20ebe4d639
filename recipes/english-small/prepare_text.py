"""Public-domain books and open everyday sentences → plain text for the language model.

    python prepare_text.py --repos repos --out text --exclude dev.tsv

The clones are those of text_sources.py beside this file. Written to ``--out``:
``books.txt`` and ``everyday.txt`` (one sentence a line, lower case, only a-z, spaces, and
apostrophes inside words) and ``SOURCES.md`` with counts.

Honesty of the figures: ``--exclude`` is a TSV with a column ``text`` (the development transcripts).
A book that shares more than MAX_HITS sequences of 8 words with it is left out as a whole, around
any other such hit SURROUND sentences are left out, and so is a sentence that equals a transcript.
Books come in an order that depends on their name only (a hash), so the cap takes a fair sample.
"""

from __future__ import annotations

import argparse
import csv
import html
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from text_sources import SOURCES, Source

NGRAM = 8  # words in a sequence that counts as shared with the development transcripts
MAX_HITS = 3
SURROUND = 200
SHORT = 4  # sentences of at most so many words keep their natural frequency ("yes sir")
MAX_SEEN = 0.3  # a book with a larger share of sentences that were read before is a duplicate


ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"}
ORDINALS |= {"nine": "ninth", "twelve": "twelfth"}


def cardinal(n: int) -> str:
    """0 ≤ n < 10⁹ in words, without hyphens or "and"."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (f" {ONES[n % 10]}" if n % 10 else "")
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            rest = f" {cardinal(n % size)}" if n % size else ""
            return f"{cardinal(n // size)} {name}{rest}"
    raise ValueError(n)


def year(n: int) -> str:
    """1100 ≤ n < 2000 as it is read aloud: two pairs of digits."""
    rest = n % 100
    if not rest:
        return f"{cardinal(n // 100)} hundred"
    return f"{cardinal(n // 100)} {'o ' if rest < 10 else ''}{cardinal(rest)}"


def ordinal(n: int) -> str:
    """first, second … for 1 ≤ n < 10⁹."""
    head, _, last = cardinal(n).rpartition(" ")
    if last in ORDINALS:
        last = ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return f"{head} {last}".strip()


def roman(text: str) -> int:
    """XIV → 14. Letters other than I, V, X, L are not accepted."""
    digits = [{"I": 1, "V": 5, "X": 10, "L": 50}[c] for c in text.upper()]
    return sum(-d if i + 1 < len(digits) and d < digits[i + 1] else d for i, d in enumerate(digits))


def number(match: re.Match[str]) -> str:
    """A number in digits as words; what it cannot read stays and drops the sentence."""
    digits, suffix = match[1].replace(",", ""), match[2]
    n = int(digits)
    if n >= 10**9 or (len(digits) > 1 and digits[0] == "0"):
        return match[0]
    if suffix:
        return f" {ordinal(n)} " if n else match[0]
    return f" {year(n) if 1100 <= n < 2000 and ',' not in match[1] else cardinal(n)} "


ABBREVIATIONS = {
    "Mr": "mister", "Mrs": "missus", "Messrs": "messrs", "Dr": "doctor", "St": "saint",
    "Capt": "captain", "Col": "colonel", "Gen": "general", "Lieut": "lieutenant",
    "Prof": "professor", "Rev": "reverend", "Hon": "honorable", "Sergt": "sergeant",
    "Esq": "esquire", "Mme": "madame", "Mlle": "mademoiselle", "Jr": "junior", "Sr": "senior",
    "etc": "et cetera",
}  # fmt: skip
ABBREVIATION = re.compile(rf"\b({'|'.join(ABBREVIATIONS)})\b\.?")
CHAPTER = re.compile(r"\b(chapter|book|part|volume|act|scene)\s+([IVXL]+|[ivxl]{2,})\b\.?", re.I)
KING = re.compile(r"\b([A-Z][a-z]{2,}) ([IVX]{2,})\b\.?")
INITIAL = re.compile(r"\b([A-Z])\.(?=\s)")
NUMBER = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})+|\d+)(st|nd|rd|th|d)?(?![\w]|[.,:]\d)")
SPLIT = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z])|(?<=[.!?][\"'])\s+(?=[\"'(\[]*[A-Z])")
NOTE = re.compile(r"\[[^\]]{0,300}\]|\{\d+\}")
JOINED = re.compile(r"\b(to)-(day|night|morrow)\b", re.I)
DROPPED = re.compile(
    r"[^a-z' ]|\b(?:i?ii|iv|vi+|ix|xi+|xiv|xvi*|th|vol|chap|pp|mr|mrs|gutenberg|footnote)\b"
)
QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "_": "", "*": ""})
PAUSES = re.compile(r"[\-–—―.,;:!?\"()\[\]…/]+")
START = re.compile(r"\*\*\* ?START OF.*?\*\*\*|\*END\*?\s*THE SMALL PRINT.*?\*END\*", re.S)
END = re.compile(
    r"\*\*\* ?END OF|End of (?:the |this )?Project Gutenberg|START: FULL LICENSE", re.I
)
COPYRIGHTED = re.compile(r"COPYRIGHTED Project Gutenberg|Language: (?!English)", re.I)


def plain(text: str) -> str:
    """Straight quotes, no accents, no notes, spelled abbreviations and numerals."""
    text = text.translate(QUOTES).replace("æ", "ae").replace("œ", "oe").replace("&", " and ")
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if not unicodedata.combining(c)) if not text.isascii() else text
    text = JOINED.sub(r"\1\2", NOTE.sub(" ", text))
    text = CHAPTER.sub(lambda m: f"{m[1]} {cardinal(roman(m[2]))}.", text)
    text = KING.sub(lambda m: f"{m[1]} the {ordinal(roman(m[2]))}", text)
    text = ABBREVIATION.sub(lambda m: ABBREVIATIONS[m[1]], text)
    return NUMBER.sub(number, INITIAL.sub(r"\1", text))


def sentences(paragraph: str) -> Iterator[str]:
    """One paragraph on one line → clean sentences; what cannot be spelled is left out."""
    for sentence in SPLIT.split(plain(paragraph)):
        words = PAUSES.sub(" ", sentence.lower()).split()
        clean = " ".join(w for w in (word.strip("'") for word in words) if w)
        if clean and not DROPPED.search(clean):
            yield clean


def english(text: str) -> list[str]:
    """The sentences of a table of translations, or of a list of sentences."""
    return [line.split("\t")[0] for line in text.split("\n")]


def paragraphs(text: str, kind: str) -> Iterator[str]:
    """The prose paragraphs of a text, each on one line; verse, lists and tables are left out."""
    if kind == "tei":
        body = re.search(r"<body.*?</body>", text, re.S)
        inside = re.findall(r"<(?:p|head)\b[^>]*>(.*?)</(?:p|head)>", body[0], re.S) if body else []
        for paragraph in inside:
            yield " ".join(html.unescape(re.sub(r"<[^>]+>", "", paragraph)).split())
        return
    start = START.search(text)
    if COPYRIGHTED.search(text[: start.end() if start else 3000]):
        return
    text = text[start.end() :] if start else text
    end = END.search(text, len(text) // 2)
    text = text[: end.start()] if end else text
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.strip("\n").split("\n")
        verse = len(lines) > 2 and sum(map(len, lines[:-1])) / (len(lines) - 1) < 45
        if not verse and not re.search(r"\S {4,}\S|\bProduced by\b", paragraph):
            yield " ".join(paragraph.split())


COMMON = {"the", "and", "of", "to", "a", "in", "that", "was", "it", "his", "he", "i", "with", "as"}
ARCHAIC = {"thou", "thee", "thy", "hath", "doth", "ye", "unto", "shalt"}


def is_plain_english(words: list[str]) -> bool:
    """True where common words are frequent and archaic ones are not."""
    if len(words) < 1000:
        return False
    common = sum(word in COMMON for word in words) / len(words)
    archaic = sum(word in ARCHAIC for word in words) / len(words)
    return common > 0.18 and archaic < 0.004


@dataclass
class Exclude:
    """What the development transcripts forbid."""

    grams: set[tuple[str, ...]] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path | None) -> Exclude:
        exclude = cls()
        if path is not None:
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    words = " ".join(sentences(row["text"])).split()
                    exclude.whole.add(" ".join(words))
                    exclude.grams |= set(zip(*(words[i:] for i in range(NGRAM)), strict=False))
        return exclude

    def hits(self, words: list[str]) -> int:
        """How many different forbidden sequences are in these words."""
        return len(self.grams.intersection(zip(*(words[i:] for i in range(NGRAM)), strict=False)))

    def clean(self, lines: list[str]) -> list[str]:
        """The lines of a book that may be used: all, some, or none."""
        total = self.hits(" ".join(lines).split())
        if total > MAX_HITS:
            return []
        if total:
            for at in range(len(lines) - 1, -1, -1):
                if self.hits(" ".join(lines[at : at + NGRAM]).split()):
                    lines[max(0, at - SURROUND) : at + SURROUND] = []
        return [line for line in lines if line not in self.whole]


def collect(
    source: Source, repos: Path, exclude: Exclude, seen: set[int], cap: int
) -> Iterator[str]:
    """The clean sentences of one source, at most about ``cap`` words."""
    total = 0
    for _, text in source.texts(repos):
        if source.kind == "lines":
            lines = [" ".join(sentences(line)) for line in english(text)]
            lines = [line for line in lines if line and not exclude.hits(line.split())]
            lines = [line for line in lines if line not in exclude.whole]
        else:
            lines = [s for p in paragraphs(text, source.kind) for s in sentences(p)]
            if not is_plain_english(" ".join(lines).split()):
                continue
            known = sum(hash(line) in seen for line in lines if line.count(" ") > 4)
            if known > MAX_SEEN * len(lines):
                continue
            lines = exclude.clean(lines)
        for line in lines:
            if (key := hash(line)) not in seen or line.count(" ") < SHORT:
                seen.add(key)
                total += line.count(" ") + 1
                yield line
        if total > cap:
            return


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Books and sentences → text for the language model"
    )
    parser.add_argument("--repos", type=Path, required=True, help="folder of the clones")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--exclude", type=Path, help="TSV with a column text: left out of books")
    parser.add_argument("--max-words", type=int, default=60_000_000, help="of each source")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    exclude, seen = Exclude.read(args.exclude), set[int]()
    rows = [
        "# Text for the language model",
        "",
        "| repository | licence | file | sentences | words |",
    ]
    rows.append("|---|---|---|---|---|")
    with (args.out / "books.txt").open("w") as books, (args.out / "everyday.txt").open("w") as day:
        for source in SOURCES[::-1]:  # the small sources first, so that none of them is a duplicate
            file, count, words = (day if source.kind in ("lines", "talk") else books), 0, 0
            for line in collect(source, args.repos.resolve(), exclude, seen, args.max_words):
                file.write(line + "\n")
                count, words = count + 1, words + line.count(" ") + 1
            rows.append(
                f"| {source.repo} ({source.name}) | {source.licence} | {Path(file.name).name} | "
                f"{count} | {words} |"
            )
            print(rows[-1], file=sys.stderr, flush=True)
    (args.out / "SOURCES.md").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
