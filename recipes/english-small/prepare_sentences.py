#!/usr/bin/env python3
"""Text with case and punctuation for the net that writes sentences.

    python prepare_sentences.py --repos repos --out written --exclude dev.tsv --labels labels.tsv

Reads the sources of text_sources.py, and of prepare.py the texts of training clips of Common Voice
that have case and punctuation. Written to ``--out``, numbers spelled and titles written out, as a
recogniser hears them: ``books.txt`` (a paragraph a line; only books with few semicolons, whose
punctuation is like today's), ``talks.txt``, ``everyday.txt`` and ``read.txt``.

``--labels`` are TSVs with columns ``id`` and ``text``: what a teacher wrote for training speech,
with its marks and case. They become ``teacher.txt``, and one in HELD of its speakers (by the column
``speaker``; of clips where that is unknown, one in HELD of these) ``teacher_held.txt``, which
nothing may be trained on.

Honesty: ``--exclude`` works as in prepare_text.py, and the address of 1961 that many tests of
recognisers use is left out.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import prepare
import prepare_text as books
from prepare_text import Exclude
from text_sources import SOURCES, Source

MOST_SEMICOLONS = 0.006  # and colons, in a word: a book with more is of another time
LEFT_OUT = "inaugural/1961-Kennedy.txt"
HELD = 10
MOST_REPEATED, LEAST_LOGPROB = 0.5, -0.6  # of a teacher's text that is believed
FILES = {"book": "books.txt", "tei": "books.txt", "talk": "talks.txt", "lines": "everyday.txt"}
TITLE = books.ABBREVIATION


def spelled(text: str) -> str:
    """A paragraph with its case and marks, titles and numbers in words."""
    titles = TITLE.sub(lambda m: books.ABBREVIATIONS[m[1]].capitalize(), text)
    return re.sub(r" (?=[,.;:?!])", "", " ".join(books.plain(titles).split()))


def sentences(paragraph: str) -> Iterator[str]:
    """Its sentences; what cannot be spelled is left out."""
    for sentence in books.SPLIT.split(spelled(paragraph)):
        words = books.PAUSES.sub(" ", sentence.lower()).split()
        clean = " ".join(w for w in (word.strip("'") for word in words) if w)
        if clean and not books.DROPPED.search(clean):
            yield sentence


def bare(text: str) -> list[str]:
    return books.PAUSES.sub(" ", text.lower()).split()


def lines_of(source: Source, text: str) -> list[str]:
    """The lines of a file, as they will be written."""
    if source.kind == "lines":
        raw: Iterable[str] = books.english(text)
    else:
        raw = books.paragraphs(text, source.kind)
    return [line for line in (" ".join(sentences(p)) for p in raw) if line]


def is_modern(lines: list[str]) -> bool:
    text = " ".join(lines)
    return len(re.findall("[;:]", text)) <= MOST_SEMICOLONS * len(text.split())


def collect(source: Source, repos: Path, exclude: Exclude, cap: int) -> Iterator[str]:
    """The lines of one source, at most about ``cap`` words, in an order by the names of files."""
    total = 0
    for name, text in source.texts(repos):
        if name == LEFT_OUT:
            continue
        lines = lines_of(source, text)
        if source.kind in ("book", "tei") and not (
            is_modern(lines) and books.is_plain_english(bare(" ".join(lines)))
        ):
            continue
        if exclude.hits(bare(" ".join(lines))) > books.MAX_HITS:
            continue
        for line in dict.fromkeys(lines):
            if not exclude.hits(bare(line)):
                total += line.count(" ") + 1
                yield line
        if total > cap:
            return


def clips(repos: Path) -> Iterator[str]:
    """The texts of training clips of Common Voice."""
    for source in prepare.SOURCES:
        if not source.corpus.startswith("common-voice"):
            continue
        for clip in source.clips(prepare.Repo.of(repos, source.repo, source.commit)):
            text = " ".join(sentences(clip.text or ""))
            if re.search("[A-Z]", text) and text[-1:] in ".?!\"'":
                yield text


def labels(paths: list[Path]) -> tuple[list[str], list[str]]:
    """What the teacher wrote: to train on, and to measure on."""
    kept: list[str] = []
    held: list[str] = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                words = row["text"].lower().split()
                if len(set(words)) < MOST_REPEATED * len(words):  # a decoder in a loop
                    continue
                if float(row.get("avg_logprob") or 0.0) < LEAST_LOGPROB:
                    continue
                text = " ".join(sentences(row["text"]))
                who = row.get("speaker", "unknown")
                who = row["id"] if who == "unknown" else who
                if text and who not in prepare.DEV_SPEAKERS:
                    share = int(hashlib.sha256(who.encode()).hexdigest(), 16) % HELD
                    (kept if share else held).append(text)
    return kept, held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repos", type=Path, required=True, help="folder of clones")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--exclude", type=Path, help="TSV with a column text: left out of books")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="what a teacher wrote")
    parser.add_argument("--max-words", type=int, default=3_000_000, help="of each source")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    exclude, repos = Exclude.read(args.exclude), args.repos.resolve()
    written: dict[str, list[str]] = {name: [] for name in (*FILES.values(), "read.txt")}
    for source in SOURCES:
        written[FILES[source.kind]] += collect(source, repos, exclude, args.max_words)
    written["read.txt"] += dict.fromkeys(clips(repos))
    written["teacher.txt"], written["teacher_held.txt"] = labels(args.labels)
    for name, lines in written.items():
        (args.out / name).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        print(f"{name}: {sum(line.count(' ') + 1 for line in lines)} words", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
