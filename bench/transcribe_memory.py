"""Peak memory over many files and over a long one, each in a process of its own.

    python bench/transcribe_memory.py [-m MODEL] [--files 1000] [--hours 5]

The long recording is speech-like babble and pauses, 20 s of each minute. Prints megabytes.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def child(args: list[str]) -> None:
    """Run a command line and print the peak of this process in kilobytes."""
    from attnasr_cli.app import main as attnasr

    code = attnasr(args)
    assert code == 0, code
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def peak_mb(*args: object) -> float:
    command = [sys.executable, __file__, "--child", "transcribe", *map(str, args)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    return int(ran.stdout.split()[-1]) / 1024


def main() -> None:
    import numpy as np
    import soundfile

    from tests.speech import RATE, babble

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--model", default="english-small")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=5.0)
    args = parser.parse_args()
    options = ["-m", args.model, "--beam", "1", "-q", "-o"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        minute = np.zeros(60 * RATE, np.float32)
        minute[: 20 * RATE] = babble(20.0, 1)
        soundfile.write(folder / "minute.flac", minute, RATE)
        for recording, minutes in (("half.flac", 30), ("long.flac", int(60 * args.hours))):
            with soundfile.SoundFile(folder / recording, "w", RATE, 1) as file:
                for _ in range(minutes):
                    file.write(minute)
        clips = folder / "clips"
        clips.mkdir()
        for i in range(10):
            soundfile.write(clips / f"{i}.flac", babble(1.5, i), RATE)
        few = peak_mb(clips, *options, folder / "few")
        for i in range(10, args.files):
            (clips / f"{i}.flac").write_bytes((clips / f"{i % 10}.flac").read_bytes())
        many = peak_mb(clips, *options, folder / "many")
        short = peak_mb(folder / "minute.flac", *options, folder / "short")
        half = peak_mb(folder / "half.flac", *options, folder / "half")
        long = peak_mb(folder / "long.flac", *options, folder / "long")
    print(f"10 files {few:.0f} MB, {args.files} files {many:.0f} MB: +{many - few:.0f} MB")
    print(f"1 minute {short:.0f} MB, 30 minutes {half:.0f} MB, {args.hours:g} hours {long:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    else:
        main()
