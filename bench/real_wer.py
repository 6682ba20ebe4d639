"""Words lost and wrong on real recordings: attnasr's default against faster-whisper's two modes,
on the same weights.

    python bench/real_wer.py dev.tsv --clips clips.tsv --model FOLDER --ct2 FOLDER

dev.tsv has the columns path, text and speaker: its utterances are joined to recordings of one
speaker, and of all speakers in turn, with pauses of 0.25 and of 2 s; some stay single. clips.tsv
has path and text. Both sides search with 5 beams; faster-whisper (the extra `bench`) computes in
int8. Prints WER % with OpenAI's English normaliser and, in brackets, the number of deleted words.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

import attnasr_cli
from attnasr_cli.audio.load import load
from attnasr_cli.scoring.api import score

RATE = 16_000
Sets = dict[str, list[tuple[str, str]]]
"""name → (path, text) of its recordings"""


def joined(folder: Path, name: str, rows: list[dict[str, str]], pause_s: float) -> tuple[str, str]:
    """The utterances as one recording."""
    pause = np.zeros(round(pause_s * RATE), np.float32)
    parts = [part for row in rows for part in (load(row["path"]).numpy(), pause)]
    path = folder / f"{name}.flac"
    soundfile.write(path, np.concatenate(parts[:-1]), RATE)
    return str(path), " ".join(row["text"] for row in rows)


def recordings(folder: Path, dev: list[dict[str, str]], clips: list[dict[str, str]]) -> Sets:
    """Half of a speaker's utterances for each pause; forty of all speakers, shuffled, for each."""
    by: dict[str, list[dict[str, str]]] = {}
    for row in dev:
        by.setdefault(row["speaker"], []).append(row)
    found: Sets = {}
    for half, pause_s in ((0, 0.25), (1, 2.0)):
        found[f"one speaker, {pause_s} s"] = [
            joined(folder, f"{half}-{s}", rows[half * len(rows) // 2 :][: len(rows) // 2], pause_s)
            for s, rows in by.items()
        ]
    random.Random(11).shuffle(dev)
    for half, pause_s in ((0, 0.25), (1, 2.0)):
        some = dev[half * 40 : (half + 1) * 40]
        found[f"speakers mixed, {pause_s} s"] = [joined(folder, f"mixed-{half}", some, pause_s)]
    found["single utterances"] = [(row["path"], row["text"]) for row in dev[80:200]]
    if clips:
        found["clips"] = [(row["path"], row["text"]) for row in clips]
    return found


def ours(model: str, options: dict[str, object]) -> Callable[[list[str]], Iterator[str]]:
    recognizer = attnasr_cli.load(model, device="cpu", **options)
    return lambda paths: (transcript.text for transcript in recognizer.transcribe(paths))


def theirs(folder: str, batched: bool) -> Callable[[list[str]], Iterator[str]]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8")
    kept = {"beam_size": 5, "language": "en"}

    def run(paths: list[str]) -> Iterator[str]:
        for path in paths:
            if batched:
                found, _ = BatchedInferencePipeline(model).transcribe(path, batch_size=8, **kept)
            else:
                found, _ = model.transcribe(path, **kept)
            yield " ".join(segment.text.strip() for segment in found)

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
    args = parser.parse_args()
    options = {"language": args.language} if args.language else {}
    tools = {"attnasr": lambda: ours(args.model, options)}
    if args.ct2:
        tools["faster-whisper batched"] = lambda: theirs(args.ct2, True)
        tools["faster-whisper sequential"] = lambda: theirs(args.ct2, False)
    with tempfile.TemporaryDirectory() as temporary:
        sets = recordings(Path(temporary), rows_of(args.dev), rows_of(args.clips))
        print(f"{'':28}" + "".join(f"{tool:>28}" for tool in tools))
        made = {tool: make() for tool, make in tools.items()}
        seconds = dict.fromkeys(tools, 0.0)
        for name, pairs in sets.items():
            line = f"{name:28}"
            for tool, transcribe in made.items():
                began = time.process_time()
                texts = list(transcribe([path for path, _ in pairs]))
                seconds[tool] += time.process_time() - began
                found = score([text for _, text in pairs], texts, normalizer="whisper")
                line += f"{100 * found.wer:20.2f} ({found.words.deleted:5d})"
            print(line, flush=True)
        print(f"{'CPU seconds':28}" + "".join(f"{s:28.0f}" for s in seconds.values()))


if __name__ == "__main__":
    main()
