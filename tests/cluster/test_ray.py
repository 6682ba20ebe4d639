"""With Ray itself, on a small cluster of this machine: what the command writes is what it writes
without one, also where workers are killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.cluster import connect
from attnasr_cli.cluster.recognizer import ClusterRecognizer
from attnasr_cli.errors import ClusterError
from attnasr_cli.recognize.jobs import Job, Result
from attnasr_cli.recognize.recognizer import load
from attnasr_cli.recognize.transcript import Transcript
from tests.cluster.conftest import SETTINGS
from tests.conftest import Ran

ray = pytest.importorskip("ray", reason="needs Ray: the extra `cluster`")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # Where other programs fill the memory, Ray would end workers of ours.
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")
        try:
            joined = connect.connect("local", workers=2)
        except ClusterError as problem:
            skip_where_ray_cannot_start(problem)
            raise
        yield
        joined.close()


def skip_where_ray_cannot_start(problem: ClusterError) -> None:
    """A machine on which Ray by itself does not start either says nothing of this program."""
    ray.shutdown()
    try:
        ray.init(address="local", num_cpus=1, include_dashboard=False, logging_level="error")
    except Exception as own:
        pytest.skip(f"Ray does not start on this machine: {own}; {problem}")
    ray.shutdown()


def test_ray_answers_as_a_knock_wants(cluster: None) -> None:
    connect._knock(ray.get_runtime_context().gcs_address)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("speech")
    for number, seconds in enumerate([1.0, 2.0, 36.0, 1.5, 0.8]):
        speech_file(folder / str(number % 2) / f"{number}.wav", seconds, number)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


def written(out: Path) -> dict[str, bytes]:
    """The outputs; a run on a cluster has the same keys in its journal, too."""
    files = [p for p in out.rglob("*") if p.is_file() and ".attnasr" not in p.parts]
    rows = (out / ".attnasr" / "journal.jsonl").read_bytes().splitlines()
    keys = {row["input"]: json.dumps(row["outputs"]) for row in map(json.loads, rows)}
    return {str(p.relative_to(out)): p.read_bytes() for p in files} | {
        name: keys[name].encode() for name in keys
    }


def test_the_command_writes_what_it_writes_without_a_cluster(
    cluster: None, folder: Path, tiny_model: Path, tmp_path: Path, attnasr: Callable[..., Ran]
) -> None:
    model = ["-m", tiny_model, "--device", "cpu", "--dtype", "float32", "-f", "json,srt"]
    small = ["--batch", "4", "--max-segment", "2", "--beam", "1"]
    plain = attnasr("transcribe", folder, "-o", tmp_path / "plain", *model, *small)
    args = ["transcribe", folder, "-o", tmp_path / "out", *model, *small]
    args += ["--cluster", "local", "--workers", "2"]
    ran = attnasr(*args)
    assert (plain.code, ran.code) == (1, 1)  # one recording is none
    assert "on Ray at local" in ran.err
    assert "5 transcribed, 1 failed" in ran.err
    assert written(tmp_path / "out") == written(tmp_path / "plain")
    assert len(written(tmp_path / "out")) == 15
    text = (tmp_path / "out" / ".attnasr" / "cluster.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    done = [part for row in rows if row["event"] == "done" for part in row["recordings"]]
    long = str(folder / "0" / "2.wav")
    assert {part["input"] for part in done} > {long, str(folder / "1" / "1.wav")}
    assert len([part for part in done if part["input"] == long]) > 2
    assert all(str(os.uname().nodename) in row["worker"] for row in rows)
    assert not (tmp_path / "out" / ".attnasr" / "parts").exists()
    again = attnasr(*args)
    assert "0 transcribed, 5 done before, 1 failed" in again.err


def said(transcript: Transcript) -> list[tuple[float, float, str]]:
    """What is the same in whatever batches it was decoded."""
    return [(segment.start, segment.end, segment.text) for segment in transcript.segments]


def test_a_worker_that_is_killed_is_replaced(cluster: None, folder: Path, tiny_model: Path) -> None:
    """The first two are killed as soon as they have done something. Each has two of six chunks
    at most: something is left for the third, however late a death is seen."""
    rows: list[dict[str, Any]] = []
    killed: list[int] = []

    def tell(row: dict[str, Any]) -> None:
        rows.append(row)
        if row["event"] in ("survey", "done") and len(killed) < 2:
            pid = int(row["worker"].rpartition(":")[2])
            if pid not in killed:  # what it had done before may be told after its death
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    jobs = [Job(path) for path in sorted(folder.rglob("*.wav"))]
    plain = load(tiny_model, "cpu", "float32", **SETTINGS)
    want = {r.number: said(plain.transcript(r)) for r in plain.run(jobs) if r.error is None}
    with ClusterRecognizer(
        "local", str(tiny_model), "cpu", "float32", workers=1, options=SETTINGS, tell=tell
    ) as recognizer:
        results = [e for e in recognizer.events(jobs, ordered=False) if isinstance(e, Result)]
        got = {r.number: said(recognizer.transcript(r)) for r in results if r.error is None}
    assert got == want
    assert len(results) == len(jobs)
    assert len(killed) == 2
    events = [row["event"] for row in rows]
    assert events.count("worker") == 3
    assert events.count("survey") + events.count("done") > 4  # or the third has nothing to do
