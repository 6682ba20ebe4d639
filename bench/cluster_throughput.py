"""A run on a cluster of this machine against the same run without one.

    python bench/cluster_throughput.py recordings/ [--workers 1 2] [options of transcribe]

For each: seconds of the clock, and those of them until the model is loaded (Ray's start in them),
seconds of processor of all its processes (Ray's too), and how many outputs of each format are those
of the run without a cluster, and of the first run with one, byte for byte. On a machine that does
something else as well only the seconds of processor say something.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, NamedTuple

TICK = os.sysconf("SC_CLK_TCK")


def used(root: int) -> dict[int, float]:
    """pid → seconds of processor, of a process and all that it has started."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            seconds[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICK
    inside = {root}
    while more := {pid for pid, parent in parents.items() if parent in inside} - inside:
        inside |= more
    return {pid: seconds[pid] for pid in inside if pid in seconds}


class Measured(NamedTuple):
    """Seconds of a run."""

    clock: float
    processor: float
    """of all its processes"""
    start: float
    """of the clock until the model is loaded, by the first worker"""


def measured(command: list[str]) -> Measured:
    """Run a command; it says on stderr when its model is loaded."""
    started = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    loaded: list[float] = []

    def listen(lines: IO[str]) -> None:
        for line in lines:
            if line.startswith("model "):
                loaded.append(time.monotonic() - started)

    listener = threading.Thread(target=listen, args=(process.stderr,))
    listener.start()
    most: dict[int, float] = {}
    while process.poll() is None:
        most |= used(process.pid)
        time.sleep(0.5)
    ended = time.monotonic() - started
    listener.join()
    assert process.returncode == 0
    return Measured(ended, sum(most.values()), loaded[0])


def outputs(folder: Path) -> dict[str, bytes]:
    files = [p for p in folder.rglob("*") if p.is_file() and ".attnasr" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def same(got: dict[str, bytes], want: dict[str, bytes]) -> str:
    """How many outputs of each format are the same."""
    counts: dict[str, list[int]] = {}
    for name, content in want.items():
        count = counts.setdefault(Path(name).suffix, [0, 0])
        count[0] += got.get(name) == content
        count[1] += 1
    return ", ".join(f"{kind} {a} of {b}" for kind, (a, b) in sorted(counts.items()))


def shown(run: Measured) -> str:
    """As a line of the report has it."""
    return (
        f"{run.clock:.1f} s of clock, {run.start:.1f} s of them until the model is loaded, "
        f"{run.processor:.1f} s of processor"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    given, more = parser.parse_known_args()
    command = [sys.executable, "-m", "attnasr_cli", "transcribe", given.recordings, *more]
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place, "plain")
        alone = measured([*command, "-o", str(plain)])
        print(f"no cluster: {shown(alone)}", flush=True)
        want = outputs(plain)
        first: dict[str, bytes] = {}
        for workers in given.workers:
            folder = Path(place, str(workers))
            extra = ["-o", str(folder), "--cluster", "local", "--workers", str(workers)]
            here = measured([*command, *extra])
            got = outputs(folder)
            first = first or got
            decoding = (alone.clock - alone.start) / (here.clock - here.start)
            print(
                f"{workers} workers: {shown(here)}; {alone.clock / here.clock:.2f} x as fast, "
                f"{decoding:.2f} x from the loaded model on, "
                f"{alone.processor / here.processor:.2f} x by processor; "
                f"the same as without: {same(got, want)}; "
                f"as with {given.workers[0]}: {same(got, first)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
