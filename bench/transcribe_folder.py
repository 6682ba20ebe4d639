"""A folder of short clips: attnasr on the folder, one clip at a time, one process for each clip.

    python bench/transcribe_folder.py [-m MODEL] [--clips 200] [FOLDER]

Without a folder, clips of babble are made. All three ways use the same model, options and cores;
the processes are started for a sample of the clips, and the time is scaled. Prints ratios.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SAMPLE = 5  # clips that get a process of their own


class Cost(NamedTuple):
    """Seconds; those of the processor do not depend on what else runs on the machine."""

    wall: float
    cpu: float

    @staticmethod
    def now(who: int) -> Cost:
        used = resource.getrusage(who)
        return Cost(time.perf_counter(), used.ru_utime + used.ru_stime)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


def make_clips(folder: Path, count: int) -> None:
    """Clips of 1.5 to 5 s."""
    import soundfile

    from tests.speech import RATE, babble

    for i in range(count):
        soundfile.write(folder / f"{i:04d}.flac", babble(1.5 + 3.5 * (i % 8) / 7, i), RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("-m", "--model", default="english-small")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--beam", default="1")
    parser.add_argument("--dtype", default="auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder
        if folder is None:
            folder = Path(name) / "clips"
            folder.mkdir()
            make_clips(folder, args.clips)
        clips = sorted(p for p in folder.rglob("*") if p.suffix in (".flac", ".wav", ".mp3"))[
            : args.clips
        ]
        (Path(name) / "list").write_text("".join(f"{p}\n" for p in clips))
        command = [sys.executable, "-m", "attnasr_cli", "transcribe", "-m", args.model]
        command += ["--beam", args.beam, "--dtype", args.dtype, "-q"]

        def timed(*more: str) -> Cost:
            started = Cost.now(resource.RUSAGE_CHILDREN)
            subprocess.run([*command, *more], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            return Cost.now(resource.RUSAGE_CHILDREN) - started

        together = timed("--from-file", f"{name}/list", "-o", f"{name}/out")
        sample = clips[:: max(len(clips) // SAMPLE, 1)][:SAMPLE]
        each = [timed(str(clip)) for clip in sample]
        scale = len(clips) / len(sample)
        apart = Cost(sum(c.wall for c in each) * scale, sum(c.cpu for c in each) * scale)

        from attnasr_cli.recognize.recognizer import load

        started = Cost.now(resource.RUSAGE_SELF)
        recognizer = load(args.model, beam=int(args.beam), dtype=args.dtype)
        for clip in clips:
            list(recognizer.transcribe(clip))
        alone = Cost.now(resource.RUSAGE_SELF) - started
    print(f"{len(clips)} clips, model {args.model}, beam {args.beam}, dtype {args.dtype}")
    print(f"{'':28}    wall     CPU")
    for label, cost, wanted in (
        ("the folder in one command", together, ""),
        ("one clip at a time", alone, " (wanted: 1.5x)"),
        ("one process for each clip", apart, " (wanted: 3x)"),
    ):
        ratios = f"{cost.wall / together.wall:.2f}x wall, {cost.cpu / together.cpu:.2f}x CPU"
        print(f"{label:28} {cost.wall:7.1f} {cost.cpu:7.1f} s   {ratios}{wanted}")


if __name__ == "__main__":
    main()
