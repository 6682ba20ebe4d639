"""How long `attnasr score` takes for 100,000 utterances of 20 words, and how much memory.

    python bench/score_speed.py [--utterances N]

Prints one line per alignment and form: seconds and peak memory of the whole command, with its
parts that people use together: WER, CER, bootstrap, confusions, and the written result.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write(folder: Path, utterances: int) -> None:
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrst"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(5000)]
    with (folder / "ref.tsv").open("w") as ref, (folder / "hyp.tsv").open("w") as hyp:
        ref.write("id\ttext\tspeaker\n")
        hyp.write("id\ttext\n")
        for index in range(utterances):
            text = rng.choices(words, k=20)
            heard = [w if rng.random() > 0.1 else rng.choice(words) for w in text]
            heard = [w for w in heard if rng.random() > 0.03]
            ref.write(f"u{index:06d}\t{' '.join(text)}\ts{index % 40:02d}\n")
            hyp.write(f"u{index:06d}\t{' '.join(heard)}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=100_000)
    count = parser.parse_args().utterances
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, count)
        for alignment in ("levenshtein", "nist"):
            for form in ("table", "json", "csv", "html"):
                command = [sys.executable, "-m", "attnasr_cli", "score"]
                command += [str(folder / "ref.tsv"), str(folder / "hyp.tsv"), "-q"]
                command += ["--alignment", alignment, "--format", form, "-o"]
                command += [str(folder / f"out.{form}")]
                start = time.perf_counter()
                subprocess.run(command, check=True)
                seconds = time.perf_counter() - start
                # the largest child so far: rises from line to line, never hides one
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                print(
                    f"{count:,} utterances {alignment:12} {form:6} {seconds:6.1f} s"
                    f"  peak so far {peak:5.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
