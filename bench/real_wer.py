"""Words lost and wrong on real recordings: attnasr's default against faster-whisper's two modes,
on the same weights.

    python bench/real_wer.py dev.tsv --clips clips.tsv --model FOLDER --ct2 FOLDER

dev.tsv has the columns path, text and speaker: its utterances are joined to recordings of one
speaker, and of all speakers in turn, with pauses of 0.25 and of 2 s; some stay single. clips.tsv
has path and text. Both sides search with 5 beams; faster-whisper (the extra `bench`) computes in
int8. Prints WER % with OpenAI's English normaliser and, in brackets, the number of deleted words.

One recording of mixed speakers says little: where voices change, a single jump costs 40 words, and
the rate moves by 2 points with the order of the utterances. So there are several (`--orders`).
With `--keep FOLDER` recordings and faster-whisper's texts stay there for the next run.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

import attnasr_cli
from attnasr_cli.audio.load import load
from attnasr_cli.scoring.api import score

RATE = 16_000
Sets = dict[str, list[tuple[str, str]]]
"""name → (path, text) of its recordings"""
Transcribe = Callable[[list[str]], Iterator[str]]
"""paths → texts"""


def joined(folder: Path, name: str, rows: list[dict[str, str]], pause_s: float) -> tuple[str, str]:
    """The utterances as one recording."""
    pause = np.zeros(round(pause_s * RATE), np.float32)
    parts = [part for row in rows for part in (load(row["path"]).numpy(), pause)]
    path = folder / f"{name}.flac"
    soundfile.write(path, np.concatenate(parts[:-1]), RATE)
    return str(path), " ".join(row["text"] for row in rows)


def recordings(
    folder: Path, dev: list[dict[str, str]], clips: list[dict[str, str]], orders: int = 4
) -> Sets:
    """Half of a speaker's utterances for each pause; forty of all speakers, shuffled, for each, in
    so many orders."""
    by: dict[str, list[dict[str, str]]] = {}
    for row in dev:
        by.setdefault(row["speaker"], []).append(row)
    found: Sets = {}
    for half, pause_s in ((0, 0.25), (1, 2.0)):
        found[f"one speaker, {pause_s} s"] = [
            joined(folder, f"{half}-{s}", rows[half * len(rows) // 2 :][: len(rows) // 2], pause_s)
            for s, rows in by.items()
        ]
    in_turn = list(dev)
    random.Random(11).shuffle(dev)
    for half, pause_s in ((0, 0.25), (1, 2.0)):
        some = dev[half * 40 : (half + 1) * 40]
        mixed = [joined(folder, f"mixed-{half}", some, pause_s)]
        for order in range(1, orders):
            others = list(in_turn)
            random.Random(99 + half + 2 * order).shuffle(others)
            name = f"mixed-{half}-{order}"
            mixed.append(joined(folder, name, others[:40], pause_s))
        found[f"speakers mixed, {pause_s} s"] = mixed
    found["single utterances"] = [(row["path"], row["text"]) for row in dev[80:200]]
    if clips:
        found["clips"] = [(row["path"], row["text"]) for row in clips]
    return found


def ours(model: str, options: dict[str, object]) -> Transcribe:
    recognizer = attnasr_cli.load(model, device="cpu", **options)
    return lambda paths: (transcript.text for transcript in recognizer.transcribe(paths))


def theirs(folder: str, batched: bool) -> Transcribe:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8")
    same = {"beam_size": 5, "language": "en"}

    def run(paths: list[str]) -> Iterator[str]:
        for path in paths:
            if batched:
                found, _ = BatchedInferencePipeline(model).transcribe(path, batch_size=8, **same)
            else:
                found, _ = model.transcribe(path, **same)
            yield " ".join(segment.text.strip() for segment in found)

    return run


def kept(path: Path, transcribe: Callable[[], Transcribe]) -> Transcribe:
    """The texts that stand in a file; what is missing there is transcribed and added."""

    def run(paths: list[str]) -> Iterator[str]:
        texts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        missing = [p for p in paths if p not in texts]
        if missing:
            texts |= zip(missing, transcribe()(missing), strict=True)
            path.write_text(json.dumps(texts), encoding="utf-8")
        return (texts[p] for p in paths)

    return run


def rows_of(path: Path | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dev", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--model", required=True, help="for attnasr")
    parser.add_argument("--ct2", help="the same weights for faster-whisper")
    parser.add_argument("--language", help="for a multilingual model")
    parser.add_argument("--orders", type=int, default=4, help="recordings of mixed speakers")
    parser.add_argument("--only", default="", help="the sets whose name begins so")
    parser.add_argument("--keep", type=Path, help="a folder for recordings and others' texts")
    args = parser.parse_args()
    options = {"language": args.language} if args.language else {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        tools: dict[str, Transcribe] = {"attnasr": ours(args.model, options)}
        for mode in ("batched", "sequential") if args.ct2 else ():
            make = partial(theirs, args.ct2, mode == "batched")
            texts_of = folder / f"{Path(args.ct2).name}-{mode}.json"
            tools[f"faster-whisper {mode}"] = kept(texts_of, make)
        sets = recordings(folder, rows_of(args.dev), rows_of(args.clips), args.orders)
        print(f"{'':28}" + "".join(f"{tool:>28}" for tool in tools))
        seconds = dict.fromkeys(tools, 0.0)
        for name, pairs in sets.items():
            if not name.startswith(args.only):
                continue
            line = f"{name:28}"
            for tool, transcribe in tools.items():
                began = time.process_time()
                texts = list(transcribe([path for path, _ in pairs]))
                seconds[tool] += time.process_time() - began
                found = score([text for _, text in pairs], texts, normalizer="whisper")
                line += f"{100 * found.wer:20.2f} ({found.words.deleted:5d})"
            print(line, flush=True)
        print(f"{'CPU seconds':28}" + "".join(f"{s:28.0f}" for s in seconds.values()))


if __name__ == "__main__":
    main()
