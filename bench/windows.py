"""What a window keeps around its speech, over which pauses it is filled, and whether the decoder
writes timestamps: words wrong and lost by variant, and how well segments begin and end.

    python bench/windows.py dev.tsv --clips clips.tsv --model FOLDER --keep FOLDER \\
        --variants "default; timestamps; max_gap_s=1.5; pad_s=0.3,edge_s=0.3; pad_s=1.0"

dev.tsv and clips.tsv as for real_wer.py. A variant is `timestamps`, or fields of SegmentConfig.
Sets: recordings of all speakers in turn with pauses of 2 s, single utterances and clips. Times:
from the first speech of each utterance in such a recording, as it is detected in the utterance
alone, to the nearest beginning of a segment, and from its last speech to the nearest end.
Below a variant, for sets of enough recordings: how far its WER is from that of the first variant,
with a 95 % interval of the paired bootstrap over recordings.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from real_wer import RATE, SINGLE, mixed_rows, recordings, rows_of

import attnasr_cli
from attnasr_cli.audio.load import load
from attnasr_cli.audio.segment import Segmenter
from attnasr_cli.recognize.recognizer import Recognizer
from attnasr_cli.recognize.transcript import Segment
from attnasr_cli.scoring.api import score
from attnasr_cli.scoring.compare import compare
from attnasr_cli.scoring.wer import Score

JOINED = "speakers mixed, 2.0 s"
PAUSE_S = 2.0
ENOUGH = 20
"""recordings for an interval"""


def speech_of(rows: Sequence[dict[str, str]]) -> list[tuple[float, float]]:
    """(first, last) moment of speech of each utterance in the recording that joins them."""
    found, at = [], 0.0
    for row in rows:
        samples = load(row["path"])
        segmenter = Segmenter()
        spoken = [
            s for speech in [*segmenter.push(samples), *segmenter.finish()] for s in speech.spoken
        ]
        if spoken:
            found.append((at + spoken[0][0], at + spoken[-1][1]))
        at += samples.shape[0] / RATE + PAUSE_S
    return found


def misses(segments: Sequence[Segment], spoken: Sequence[tuple[float, float]]) -> list[float]:
    """Seconds between each edge of speech and the nearest edge of a segment."""
    starts = np.array([segment.start for segment in segments])
    ends = np.array([segment.end for segment in segments])
    near = [(np.abs(starts - a).min(), np.abs(ends - b).min()) for a, b in spoken]
    return [float(miss) for miss in itertools.chain(*near)]


def changed(recognizer: Recognizer, variant: str) -> Recognizer:
    """The recogniser with the fields of a variant such as ``pad_s=0.3,edge_s=0.3``."""
    if variant == "default":
        return recognizer
    if variant == "timestamps":
        return recognizer.changed(timestamps=True)
    fields = dict(field.split("=") for field in variant.split(","))
    other = recognizer.changed(beam=5)  # a copy
    numbers: Any = {name: float(value) for name, value in fields.items()}
    other.cut = replace(other.cut, **numbers)
    return other


def difference(first: Score, second: Score) -> str:
    """How far the second WER is from the first, in points, with its interval."""
    if first is second or len(first.rows) < ENOUGH:
        return ""
    found = compare(first, second).difference
    if found.interval is None:
        return f"{100 * found.delta:+.2f}"
    low, high = 100 * found.interval.low, 100 * found.interval.high
    return f"{100 * found.delta:+.2f} ({low:+.2f} to {high:+.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dev", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--language", help="for a multilingual model")
    parser.add_argument("--variants", default="default; timestamps")
    parser.add_argument("--orders", type=int, default=1, help="recordings of mixed speakers")
    parser.add_argument("--single", type=int, default=60, help="utterances, and as many clips")
    parser.add_argument("--keep", type=Path, help="a folder for recordings")
    args = parser.parse_args()
    options = {"language": args.language} if args.language else {}
    recognizer = attnasr_cli.load(args.model, device="cpu", **options)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sets = recordings(folder, rows_of(args.dev), rows_of(args.clips), args.orders)
        spoken = [speech_of(rows) for rows in mixed_rows(rows_of(args.dev), 1, args.orders)]
        chosen = {JOINED: sets[JOINED]}
        for name in SINGLE:
            if sets.get(name):
                chosen[name] = sets[name][: args.single]
        print(f"{'':28}" + "".join(f"{name:>28}" for name in chosen) + "   times s, CPU s")
        firsts: dict[str, Score] = {}
        for variant in map(str.strip, args.variants.split(";")):
            line, began = f"{variant:28}", time.process_time()
            apart = f"{'':28}"
            for name, pairs in chosen.items():
                found = list(changed(recognizer, variant).transcribe([path for path, _ in pairs]))
                texts = [transcript.text for transcript in found]
                rates = score([text for _, text in pairs], texts, normalizer="whisper")
                line += f"{100 * rates.wer:20.2f} ({rates.words.deleted:5d})"
                apart += f"{difference(firsts.setdefault(name, rates), rates):>28}"
                if name == JOINED:
                    each = zip(found, spoken, strict=True)
                    off = [miss for t, edges in each for miss in misses(t.segments, edges)]
            cpu_s = time.process_time() - began
            line += f"   median {np.median(off):.2f}, 90 % {np.quantile(off, 0.9):.2f}, {cpu_s:.0f}"
            print(line, apart, sep="\n", flush=True)


if __name__ == "__main__":
    main()
