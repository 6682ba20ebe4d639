"""Peak memory of Whisper over a short and over a long recording, each in a process of its own.

    python bench/whisper_memory.py [--size tiny] [--hours 1] [-- OPTIONS of attnasr transcribe]

Random weights, which write until the token limit: the largest caches that there can be. The
recordings are speech-like babble, 50 s of each minute. Prints megabytes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from transcribe_memory import peak_mb
from whisper_weights import SIZES, write

from tests.speech import RATE, babble


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("options", nargs="*", help="after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(args.size, folder / "weights")
        minute = np.zeros(60 * RATE, np.float32)
        minute[: 50 * RATE] = babble(50.0, 1)
        peaks = []
        for minutes in (1, round(60 * args.hours)):
            recording = folder / f"{minutes}.flac"
            with soundfile.SoundFile(recording, "w", RATE, 1) as file:
                for _ in range(minutes):
                    file.write(minute)
            options = ["-m", folder / "weights", "--language", "en", "--temperature", "0", "-q"]
            peaks.append(peak_mb(recording, *options, "-o", folder / "out", *args.options))
    short, long = peaks
    print(f"{args.size}: 1 minute {short:.0f} MB, {args.hours:g} h {long:.0f} MB: ", end="")
    print(f"+{long - short:.0f} MB")


if __name__ == "__main__":
    main()
