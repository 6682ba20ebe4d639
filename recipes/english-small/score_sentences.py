#!/usr/bin/env python3
"""F1 of marks and accuracy of case of written text, against a teacher's.

    attnasr transcribe -m whisper-base --from-file list.txt -f jsonl -o teacher --no-vad
    python recipes/english-small/score_sentences.py teacher --words dev.tsv models/english-small
    python recipes/english-small/score_sentences.py teacher --text heard

``teacher`` and ``heard`` are folders of JSON lines as ``transcribe`` writes them. With ``--words``
the net of a model writes the words of a manifest (id and text), as if they had been heard without
an error; with ``--text`` what is measured is what a model heard and wrote. Either is aligned with
the teacher's text by its words; numbers and titles are spelled on both sides.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from prepare_sentences import spelled

from attnasr_cli.text.sentences.file import load_net
from attnasr_cli.text.sentences.punctuator import Punctuator, Sentences
from attnasr_cli.text.sentences.written import read
from attnasr_cli.training.sentences.measure import compare


def texts(folder: Path) -> dict[str, str]:
    """The text of each file of JSON lines, by its name."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found[path.stem] = "".join(json.loads(line)["text"] for line in lines)
    return found


def written(manifest: Path, model: Path) -> dict[str, str]:
    """The words of a manifest, as the net of a model writes them."""
    punctuator = Punctuator(load_net(model / "sentences.safetensors"))
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {
        row["id"]: " ".join(Sentences(punctuator).write(row["text"].lower().split()))
        for row in rows
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("--words", type=Path, nargs=2, metavar=("MANIFEST", "MODEL"))
    parser.add_argument("--text", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    right = texts(args.teacher)
    other = texts(args.text) if args.text else written(*args.words)
    shared = sorted(right.keys() & other.keys())
    found = compare((read(spelled(right[name])), read(spelled(other[name]))) for name in shared)
    print(f"{len(shared)} texts: {found.summary()}")
    for mark, counts in found.marks.items():
        print(
            f"{mark.name.lower()}: precision {100 * counts.precision:.1f} %, recall "
            f"{100 * counts.recall:.1f} %, {counts.wanted} wanted, {counts.written} written"
        )


if __name__ == "__main__":
    main()
