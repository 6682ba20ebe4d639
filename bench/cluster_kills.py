"""Random kills of workers and of the driver during runs on a cluster of this machine.

    python bench/cluster_kills.py recordings/ [--kills 100] [--driver 0.2] [--seed 0] [options]

Runs ``attnasr transcribe recordings/ -o OUT --cluster local`` again and again, kills a worker, or
the driver itself (with the given probability), with ``kill -9`` after a random time, starts the
same command again where it was the driver, and when a run has ended begins with an empty folder.
After every run it holds that each recording has its output once, that texts are those of a run
without kills, and that no process of Ray's is left. The last line is the count.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE_S = 180.0
"""for Ray's own processes to see that their parent has gone"""


def processes() -> dict[int, tuple[int, str]]:
    """pid → (parent, command line) of all that run."""
    found: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        found[int(entry.name)] = parent, line.strip()
    return found


def under(root: int) -> dict[int, str]:
    """pid → command line of everything that a process has started."""
    everything = processes()
    inside = {root}
    while True:
        more = {pid for pid, (parent, _) in everything.items() if parent in inside} - inside
        if not more:
            return {pid: everything[pid][1] for pid in inside - {root} if pid in everything}
        inside |= more


class Campaign:
    def __init__(self, given: argparse.Namespace, more: list[str], out: Path) -> None:
        self.given, self.random, self.out = given, random.Random(given.seed), out
        self.command = [sys.executable, "-m", "attnasr_cli", "transcribe", given.recordings]
        self.command += ["-f", "txt", *more]
        self.kills = {"worker": 0, "driver": 0}
        self.orphans = 0
        self.given_up = 0
        self.deadline = time.monotonic() + given.minutes * 60

    def plain(self) -> dict[str, bytes]:
        """The outputs of a run here, without a cluster."""
        folder = self.out / "plain"
        subprocess.run([*self.command, "-o", folder, "-q"], check=True)
        return outputs(folder)

    def left(self) -> bool:
        return sum(self.kills.values()) < self.given.kills and time.monotonic() < self.deadline

    def run(self, folder: Path) -> None:
        """One folder to its end, with kills on the way."""
        workers = str(self.given.workers)
        while True:
            command = [*self.command, "-o", folder, "--cluster", "local", "--workers", workers]
            driver = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            mine: dict[int, str] = {}
            killed = False
            try:
                while driver.poll() is None and not killed:
                    mine |= under(driver.pid)
                    killed = self.left() and self.strike(driver.pid, mine)
                    self.pause(driver)
            finally:
                if driver.poll() is None and not killed:
                    driver.kill()
            text = driver.communicate()[1]
            self.check_orphans(mine)
            if killed:
                continue
            if driver.returncode == 0:
                return
            # A recording of which three workers have died fails alone: the command is given again.
            assert driver.returncode == 1, text
            assert "workers died of it" in text, text
            self.given_up += 1

    def strike(self, driver: int, mine: dict[int, str]) -> bool:
        """Kill something, if it is there; returns whether it was the driver."""
        busy = [
            pid
            for pid, line in mine.items()
            if line.startswith(("ray::Worker.run", "ray::Worker.s"))
        ]
        busy = [pid for pid in busy if pid in processes()]
        if not busy:
            return False
        if self.random.random() < self.given.driver:
            os.kill(driver, signal.SIGKILL)
            self.kills["driver"] += 1
            return True
        os.kill(self.random.choice(busy), signal.SIGKILL)
        self.kills["worker"] += 1
        return False

    def pause(self, driver: subprocess.Popen[str]) -> None:
        try:
            driver.wait(self.random.uniform(0.2, self.given.every))
        except subprocess.TimeoutExpired:
            return

    def check_orphans(self, mine: dict[int, str]) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            alive = {pid for pid, (_, line) in processes().items() if pid in mine and "ray" in line}
            if not alive:
                return
            time.sleep(1.0)
        self.orphans += len(alive)
        print(f"left behind: {[mine[pid] for pid in alive]}")


def outputs(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*.txt") if ".attnasr" not in p.parts}


def check(folder: Path, want: dict[str, bytes]) -> None:
    """Nothing lost, nothing twice, nothing half."""
    assert outputs(folder) == want, "outputs differ"
    lines = (folder / ".attnasr" / "journal.jsonl").read_bytes().splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    last = {row["input"]: row["writing"] for row in rows}
    assert not any(last.values()), "an output that is not finished"
    assert len(last) == len(want), "a recording that is lost or comes twice"
    assert not list((folder / ".attnasr").glob("tmp/*")), "a temporary file"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--driver", type=float, default=0.2, help="share of kills of the driver")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between looks, at most")
    parser.add_argument("--minutes", type=float, default=60.0, help="and then no more kills")
    parser.add_argument("--seed", type=int, default=0)
    given, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place:
        campaign = Campaign(given, more, Path(place))
        want = campaign.plain()
        runs = 0
        while campaign.left():
            runs += 1
            folder = Path(place, f"out-{runs}")
            campaign.run(folder)
            check(folder, want)
            print(f"run {runs}: {campaign.kills}", flush=True)
    print(
        f"{runs} runs, {campaign.kills}, {campaign.given_up} runs with a recording of which three "
        f"workers died, {campaign.orphans} processes left behind: all whole"
    )


if __name__ == "__main__":
    main()
