#!/usr/bin/env python3
"""The development set as it sounds in noise, over a telephone and in a room: four manifests.

    python recipes/english-small/distorted_dev.py dev.tsv OUT --count 40
    attnasr score OUT/noise.tsv --model english-small --normalizer lower

clean, noise (pink, 10 dB below the speech), telephone (8 kHz, 8-bit µ-law) and room (white noise
that dies with a time constant of 0.12 s, without a direct sound). The same every time.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import soundfile

from attnasr_cli.audio.load import load
from attnasr_cli.training.augment import distort, rooms
from attnasr_cli.training.augment.codecs import through_telephone

NOISE_DB, ROOM_S, NO_DIRECT_DB = 10.0, 0.12, -100.0
NAMES = ("clean", "noise", "telephone", "room")
Samples = distort.Samples


def distorted(name: str, speech: Samples, draw: np.random.Generator) -> Samples:
    if name == "noise":
        return distort.add(speech, distort.coloured(len(speech), 1.0, draw), NOISE_DB)
    if name == "telephone":
        return through_telephone(speech)
    if name == "room":
        return rooms.convolve(speech, rooms.diffuse(ROOM_S, NO_DIRECT_DB, draw))
    return speech


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path, help="id, path and text")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--count", type=int, default=40, help="utterances, evenly spread")
    args = parser.parse_args()
    with args.manifest.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file, delimiter="\t"), key=lambda row: row["id"])
    rows = [rows[i * len(rows) // args.count] for i in range(args.count)]
    for name in NAMES:
        folder = args.out / name
        folder.mkdir(parents=True, exist_ok=True)
        draw, lines = np.random.default_rng(1), ["id\tpath\ttext"]
        for row in rows:
            speech = load(args.manifest.parent / row["path"]).numpy()
            soundfile.write(folder / f"{row['id']}.flac", distorted(name, speech, draw), 16_000)
            lines.append(f"{row['id']}\t{name}/{row['id']}.flac\t{row['text']}")
        (args.out / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
