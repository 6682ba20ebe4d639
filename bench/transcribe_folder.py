"""A folder of short clips: attnasr on the folder, one clip at a time, one process for each clip.

    python bench/transcribe_folder.py [-m MODEL] [--clips 200] [FOLDER]

Without a folder, clips of babble are made. All three ways use the same model, options and cores;
the processes are started for a sample of the clips, and the time is scaled. Prints ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SAMPLE = 5  # clips that get a process of their own


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
        clips = sorted(p for p in folder.rglob("*") if p.is_file())[: args.clips]
        (Path(name) / "list").write_text("".join(f"{p}\n" for p in clips))
        command = [sys.executable, "-m", "attnasr_cli", "transcribe", "-m", args.model]
        command += ["--beam", args.beam, "--dtype", args.dtype, "-q"]

        def timed(*more: str) -> float:
            started = time.perf_counter()
            subprocess.run([*command, *more], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            return time.perf_counter() - started

        together = timed("--from-file", f"{name}/list", "-o", f"{name}/out")
        sample = clips[:: max(len(clips) // SAMPLE, 1)][:SAMPLE]
        apart = sum(timed(str(clip)) for clip in sample) / len(sample) * len(clips)

        from attnasr_cli.decode.recognizer import load

        started = time.perf_counter()
        recognizer = load(args.model, beam=int(args.beam), dtype=args.dtype)
        for clip in clips:
            list(recognizer.transcribe(clip))
        alone = time.perf_counter() - started
    print(f"{len(clips)} clips, model {args.model}, beam {args.beam}, dtype {args.dtype}")
    print(f"the folder in one command   {together:7.1f} s")
    print(f"one clip at a time          {alone:7.1f} s   {alone / together:.2f}x (wanted: 1.5x)")
    print(f"one process for each clip   {apart:7.1f} s   {apart / together:.2f}x (wanted: 3x)")


if __name__ == "__main__":
    main()
