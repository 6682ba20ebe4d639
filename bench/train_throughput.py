"""How many seconds of speech a second of `attnasr train` takes, by two ways to call it, in turn.

    python bench/train_throughput.py whisper-finetune data.tsv --updates 12 \\
        --common "--set init.model=whisper-tiny" --first "--set batch.alone=1" --second ""
    python bench/train_throughput.py small data.tsv --updates 30 \\
        --first "--workers 1 --threads 1" --second "--workers 2 --threads 2"

Everything that training does between two evaluations counts: reading, augmentation, gradients, the
exchange between processes. The first updates do not: they compile and fill caches.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("data", type=Path, help="corpus to train on")
    parser.add_argument("--dev", type=Path, help="a small dev set; by default --train has a part")
    parser.add_argument("--updates", type=int, default=24)
    parser.add_argument("--skipped", type=int, default=4, help="updates before the time runs")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--common", default="", help="options of both")
    parser.add_argument("--first", default="", help="options of one")
    parser.add_argument("--second", default="", help="options of the other")
    args = parser.parse_args()
    speeds: dict[str, list[float]] = {"first": [], "second": []}
    for run in range(args.runs):
        for name in speeds:
            options = shlex.split(args.common) + shlex.split(getattr(args, name))
            speeds[name].append(speed(args, options))
            print(f"run {run + 1}, {name}: {speeds[name][-1]:.1f} audio-s/s", flush=True)
    ratios = [b / a for a, b in zip(speeds["first"], speeds["second"], strict=True)]
    print("second : first =", ", ".join(f"{ratio:.2f}" for ratio in ratios))


def speed(args: argparse.Namespace, options: list[str]) -> float:
    """Seconds of speech in a second of training, the first updates left out."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "attnasr_cli", "train", args.recipe, "-o", str(out)]
        command += ["--train", str(args.data), *(["--dev", str(args.dev)] if args.dev else [])]
        changes = [f"optim.updates={args.updates}", f"run.evaluate={args.updates}"]
        changes += ["run.dev_utterances=1", "batch.short_first=0"]
        command += [word for change in changes for word in ("--set", change)]
        command += ["--cache", str(Path(tempfile.gettempdir()) / "train_throughput"), *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        watched = subprocess.Popen(command, text=True, **quiet)
        assert watched.stderr is not None
        said = watched.stderr.read()
        if watched.wait():
            raise SystemExit(said)
        lines = (out / "train" / "log.jsonl").read_text().splitlines()
    log = [line for line in map(json.loads, lines) if line["kind"] == "train"]
    counted = [line for line in log if line["update"] > args.skipped]
    if len(counted) < 2:
        raise SystemExit(f"{args.updates} updates are too few: more than {2 * 15} s are needed")
    hours = counted[-1]["hours"] - counted[0]["hours"]
    minutes = counted[-1]["minutes"] - counted[0]["minutes"]
    return float(60 * hours / minutes)


if __name__ == "__main__":
    main()
