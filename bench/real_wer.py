"""Words lost and wrong on real recordings: attnasr's default against faster-whisper's two modes,
on the same weights.

    python bench/real_wer.py dev.tsv --clips clips.tsv --model FOLDER --ct2 FOLDER --keep FOLDER

dev.tsv has the columns path, text and speaker: its utterances are joined to recordings of one
speaker, and of all speakers in turn, with pauses of 0.25 and of 2 s; some stay single. clips.tsv
has path and text. Both sides search with 5 beams; faster-whisper (the extra `bench`) computes in
int8. Prints WER % with OpenAI's English normaliser and, in brackets, the number of deleted words;
then CPU seconds, and how many of attnasr's went into second decodings: of stretches of speech for
which the first decoding had no text.

One recording of mixed speakers says little: where voices change, a single jump costs 40 words, and
the rate moves by 2 points with the order of the utterances. So there are several (`--orders`), and
`--seed` draws others. With `--keep FOLDER` recordings and texts stay there for the next run, with
the CPU seconds that they took: those of faster-whisper always, those of attnasr where
`--version NAME` says which state of the code they are of.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from torch import Tensor

import attnasr_cli
from attnasr_cli.audio.load import load
from attnasr_cli.families.base import Decoded, SegmentDecoder
from attnasr_cli.recognize.jobs import Job, Part
from attnasr_cli.scoring.api import score

RATE = 16_000
SINGLE = ("single utterances", "clips")
GROUP, GROUPED_S = 32, 60.0
"""recordings up to so many seconds are transcribed in groups of so many"""
Sets = dict[str, list[tuple[str, str]]]
"""name → (path, text) of its recordings"""


@dataclass
class Heard:
    """What came of one recording."""

    text: str
    cpu_s: float
    again_s: float = 0.0
    """how much of it went into second decodings"""


Transcribe = Callable[[list[str]], Iterator[Heard]]
"""paths → what came of each"""


# ---- recordings


def joined(folder: Path, name: str, rows: list[dict[str, str]], pause_s: float) -> tuple[str, str]:
    """The utterances as one recording."""
    pause = np.zeros(round(pause_s * RATE), np.float32)
    parts = [part for row in rows for part in (load(row["path"]).numpy(), pause)]
    path = folder / f"{name}.flac"
    if not path.exists():
        soundfile.write(path, np.concatenate(parts[:-1]), RATE)
    return str(path), " ".join(row["text"] for row in rows)


def recordings(
    folder: Path,
    dev: list[dict[str, str]],
    clips: list[dict[str, str]],
    orders: int = 4,
    seed: int = 0,
) -> Sets:
    """Half of a speaker's utterances for each pause; forty of all speakers, shuffled, for each, in
    so many orders. ``seed`` above 0: other orders, and the halves of each speaker exchanged."""
    by: dict[str, list[dict[str, str]]] = {}
    for row in dev:
        by.setdefault(row["speaker"], []).append(row)
    found: Sets = {}
    tag = f"{seed}-" if seed else ""
    pauses = ((0, 0.25), (1, 2.0))
    for half, pause_s in pauses:
        part = (half + seed) % 2
        found[f"one speaker, {pause_s} s"] = [
            joined(
                folder,
                f"{tag}{half}-{s}",
                rows[part * len(rows) // 2 :][: len(rows) // 2],
                pause_s,
            )
            for s, rows in by.items()
        ]
    for half, pause_s in pauses:
        found[f"speakers mixed, {pause_s} s"] = [
            joined(folder, f"{tag}mixed-{half}" + (f"-{order}" if order else ""), rows, pause_s)
            for order, rows in enumerate(mixed_rows(dev, half, orders, seed))
        ]
    dev = _shuffled(dev, 11 + 1000 * seed)
    found["single utterances"] = [(row["path"], row["text"]) for row in dev[80:200]]
    if clips:
        found["clips"] = [(row["path"], row["text"]) for row in clips]
    return found


def mixed_rows(
    dev: list[dict[str, str]], half: int, orders: int, seed: int = 0
) -> list[list[dict[str, str]]]:
    """The utterances of each recording of mixed speakers."""
    first = _shuffled(dev, 11 + 1000 * seed)[half * 40 : (half + 1) * 40]
    others = [
        _shuffled(dev, 99 + half + 2 * order + 1000 * seed)[:40] for order in range(1, orders)
    ]
    return [first, *others]


def _shuffled(rows: list[dict[str, str]], seed: int) -> list[dict[str, str]]:
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    return rows


# ---- both sides


class Timed:
    """A decoder that counts its windows and their CPU seconds."""

    def __init__(self, decoder: SegmentDecoder) -> None:
        self.decoder, self.windows, self.cpu_s = decoder, 0, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.decoder, name)

    def decode(self, segments: Sequence[Tensor]) -> list[Decoded]:
        began = time.process_time()
        found = self.decoder.decode(segments)
        self.cpu_s += time.process_time() - began
        self.windows += len(segments)
        return found


def ours(model: str, options: dict[str, Any]) -> Transcribe:
    recognizer = attnasr_cli.load(model, device="cpu", **options).wrapped(Timed)

    def run(paths: list[str]) -> Iterator[Heard]:
        timed: Any = recognizer.decoders[0]
        for group in together(paths):
            began = time.process_time()
            timed.windows, timed.cpu_s, firsts = 0, 0.0, 0
            texts = []
            for event in recognizer.events([Job(path) for path in group]):
                if isinstance(event, Part):
                    firsts += 1
                elif event.error is not None:
                    raise event.error
                else:
                    texts.append(recognizer.transcript(event).text)
            # All windows cost about the same: the net pads each to 30 s.
            again_s = timed.cpu_s * (timed.windows - firsts) / max(timed.windows, 1)
            cpu_s = time.process_time() - began
            yield from (Heard(t, cpu_s / len(group), again_s / len(group)) for t in texts)

    return run


def together(paths: list[str]) -> Iterator[list[str]]:
    """Each recording by itself, and short ones in groups, as their windows share batches."""
    group: list[str] = []
    for path in paths:
        if soundfile.info(path).duration > GROUPED_S:
            yield [path]
            continue
        group.append(path)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def theirs(folder: str, batched: bool) -> Transcribe:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8")
    pipeline = BatchedInferencePipeline(model)
    same = {"beam_size": 5, "language": "en"}

    def run(paths: list[str]) -> Iterator[Heard]:
        for path in paths:
            began = time.process_time()
            if batched:
                found, _ = pipeline.transcribe(path, batch_size=8, **same)
            else:
                found, _ = model.transcribe(path, **same)
            text = " ".join(segment.text.strip() for segment in found)
            yield Heard(text, time.process_time() - began)

    return run


def kept(path: Path, transcribe: Callable[[], Transcribe]) -> Transcribe:
    """What stands in a file; what is missing there is transcribed and added, one by one."""

    def run(paths: list[str]) -> Iterator[Heard]:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        missing = [p for p in paths if p not in known]
        if missing:
            for p, heard in zip(missing, transcribe()(missing), strict=True):
                known[p] = asdict(heard)
                path.write_text(json.dumps(known), encoding="utf-8")
        return (Heard(**known[p]) for p in paths)

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
    parser.add_argument("--modes", default="batched,sequential", help="of faster-whisper")
    parser.add_argument("--language", help="for a multilingual model")
    parser.add_argument("--dtype", default="auto", help="of attnasr")
    parser.add_argument("--orders", type=int, default=4, help="recordings of mixed speakers")
    parser.add_argument("--single", type=int, default=120, help="utterances, and as many clips")
    parser.add_argument("--seed", type=int, default=0, help="above 0: other orders")
    parser.add_argument("--only", default="", help="the sets whose name begins so")
    parser.add_argument("--keep", type=Path, help="a folder for recordings and texts")
    parser.add_argument("--version", help="of attnasr: its texts are kept by this name; none: not")
    parser.add_argument("--not-ours", action="store_true", help="faster-whisper alone")
    args = parser.parse_args()
    options = {"dtype": args.dtype} | ({"language": args.language} if args.language else {})
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        tools: dict[str, Transcribe] = {}
        if not args.not_ours:
            if args.version:
                file = folder / f"{Path(args.model).name}-attnasr-{args.version}.json"
                tools["attnasr"] = kept(file, partial(ours, args.model, options))
            else:
                tools["attnasr"] = ours(args.model, options)
        for mode in args.modes.split(",") if args.ct2 else ():
            make = partial(theirs, args.ct2, mode == "batched")
            texts_of = folder / f"{Path(args.ct2).name}-{mode}.json"
            tools[f"faster-whisper {mode}"] = kept(texts_of, make)
        sets = recordings(folder, rows_of(args.dev), rows_of(args.clips), args.orders, args.seed)
        print(f"{'':28}" + "".join(f"{tool:>28}" for tool in tools))
        seconds = dict.fromkeys(tools, 0.0)
        again_s = 0.0
        for name, pairs in sets.items():
            if not name.startswith(args.only):
                continue
            if name in SINGLE:
                pairs = pairs[: args.single]
            line = f"{name:28}"
            for tool, transcribe in tools.items():
                heard = list(transcribe([path for path, _ in pairs]))
                seconds[tool] += sum(h.cpu_s for h in heard)
                again_s += sum(h.again_s for h in heard)
                texts = [h.text for h in heard]
                found = score([text for _, text in pairs], texts, normalizer="whisper")
                line += f"{100 * found.wer:20.2f} ({found.words.deleted:5d})"
            print(line, flush=True)
        print(f"{'CPU seconds':28}" + "".join(f"{s:28.0f}" for s in seconds.values()))
        print(f"{'of it second decodings':28}{again_s:28.0f}")


if __name__ == "__main__":
    main()
