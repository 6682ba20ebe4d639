#!/usr/bin/env python3
"""A training manifest of what a model heard in recordings without text, where it was sure.

    attnasr transcribe --no-vad --from-file paths.txt -f json -o heard
    python recipes/english-small/pseudo_labels.py unlabelled.tsv heard pseudo.tsv

unlabelled.tsv is what prepare.py --with unlabelled wrote; paths.txt lists its column path. A text
counts where the mean log probability of its tokens is at least --sure (Kahn et al. 2020,
arXiv:1909.09116) and where it has a plausible number of words for its duration.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

WORDS_PER_S = (0.8, 4.5)
COLUMNS = ("id", "path", "text", "speaker", "duration_s", "corpus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, help="manifest with id, path, duration_s")
    parser.add_argument("heard", type=Path, help="folder of json from attnasr transcribe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--sure", type=float, default=-0.75, help="least mean log probability")
    parser.add_argument("--corpus", default="pseudo-labels", help="value of that column")
    args = parser.parse_args()
    with args.recordings.open(encoding="utf-8", newline="") as file:
        recordings = list(csv.DictReader(file, delimiter="\t"))
    kept, seconds = 0, 0.0
    with args.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in recordings:
            found = json.loads((args.heard / f"{row['id']}.json").read_text(encoding="utf-8"))
            words, duration = found["text"].split(), float(row["duration_s"])
            if not words or not WORDS_PER_S[0] <= len(words) / duration <= WORDS_PER_S[1]:
                continue
            if any(s["avg_logprob"] < args.sure or s["suspect"] for s in found["segments"]):
                continue
            text = " ".join(words)
            writer.writerow([row["id"], row["path"], text, "", row["duration_s"], args.corpus])
            kept, seconds = kept + 1, seconds + duration
    print(f"{kept} of {len(recordings)} recordings, {seconds / 3600:.1f} h: {args.out}")


if __name__ == "__main__":
    main()
