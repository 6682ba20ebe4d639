"""What cannot work says so in one line, with the next step."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from attnasr_cli import __version__
from attnasr_cli.checkpoint.identity import model_key
from attnasr_cli.cluster import connect, ship
from attnasr_cli.cluster.messages import Done, Lacking, Loaded, Report, Spec
from attnasr_cli.cluster.pool import Pool, Seat
from attnasr_cli.cluster.worker import Worker
from attnasr_cli.errors import AudioError, ClusterError, UsageError
from attnasr_cli.recognize.jobs import Job
from tests.conftest import Ran

PACKAGE = Path(connect.__file__).parents[1]


@pytest.fixture
def recording(tmp_path: Path, speech_file: Callable[..., Path]) -> Path:
    return speech_file(tmp_path / "in" / "a.wav", 0.5)


def test_ray_is_imported_where_it_is_needed_and_nowhere_else() -> None:
    found = [
        file.name
        for file in PACKAGE.rglob("*.py")
        if re.search(r"^\s*(import|from) ray\b", file.read_text(encoding="utf-8"), re.M)
    ]
    assert set(found) == {"connect.py"}


def test_without_ray_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, attnasr: Callable[..., Ran], recording: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = attnasr("transcribe", recording, "--cluster", "local")
    assert ran.code == 2
    assert ran.err.endswith("needs Ray\nhint: pip install 'attnasr[cluster]'\n")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--cluster", "somewhere"], "use local, auto, host:port"),
        (["--workers", "2"], "--workers without --cluster"),
        (["--gpus-per-worker", "1"], "--gpus-per-worker without --cluster"),
        (["--cluster", "local", "--workers", "0"], "--workers 0"),
        (["--cluster", "local", "--cpus-per-worker", "-1"], "--cpus-per-worker -1"),
        (["--cluster", "local", "--cpus-per-worker", "nan"], "--cpus-per-worker nan"),
        (
            ["--cluster", "local", "--cpus-per-worker", "0", "--gpus-per-worker", "0"],
            "without CPUs and GPUs",
        ),
    ],
)
def test_options_that_cannot_be(
    given: list[str], words: str, attnasr: Callable[..., Ran], recording: Path
) -> None:
    pytest.importorskip("ray", reason="needs Ray: the extra `cluster`")
    ran = attnasr("transcribe", recording, *given)
    assert ran.code == 2
    assert words in ran.err


def test_stdin_and_a_cluster(attnasr: Callable[..., Ran]) -> None:
    assert "stdin (-) on a cluster" in attnasr("transcribe", "-", "--cluster", "local").err


def test_score_needs_a_model_for_a_cluster(attnasr: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "ref.tsv").write_text("id\ttext\na\tone\n")
    ref = tmp_path / "ref.tsv"
    assert "--cluster needs --model" in attnasr("score", ref, ref, "--cluster", "local").err
    assert "--workers both" in attnasr("score", ref, "--model", "m", "--workers", "2").err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Version mismatch: The cluster was started with: Ray: 2.51", "another Ray or Python"),
        ("something\nelse", "no Ray cluster at auto: something else"),
    ],
)
def test_what_ray_says_becomes_one_line(text: str, words: str) -> None:
    def init(**how: Any) -> None:
        raise RuntimeError(text)

    ray = SimpleNamespace(init=init, __version__="2.60.0")
    with pytest.raises(ClusterError) as caught:
        connect._attempt(ray, "auto")
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def spec(path: Path) -> Spec:
    key = model_key(path)
    return Spec("tiny", str(path), key, "cpu", "float32", {}, 1, __version__)


def test_a_worker_of_another_version_is_refused(tiny_model: Path) -> None:
    problem = Worker().load(replace(spec(tiny_model), version="0.0.1"))
    assert isinstance(problem, ClusterError)
    assert f"has attnasr {__version__}, and this is 0.0.1" in problem.message


def test_an_option_that_the_model_lacks_is_an_error_of_the_run(tiny_model: Path) -> None:
    problem = Worker().load(replace(spec(tiny_model), options={"temperature": 0.3}))
    assert isinstance(problem, UsageError)


def test_a_model_that_a_worker_lacks_is_sent_by_its_content(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTNASR_CACHE", str(tmp_path))
    elsewhere = replace(spec(tiny_model), path=f"/nowhere/{tiny_model.name}")
    worker = Worker()
    assert isinstance(worker.load(elsewhere), Lacking)
    files = ship.names(tiny_model)
    contents = [(tiny_model / name).read_bytes() for name in files]
    first = worker.receive(elsewhere, files, *contents)
    assert isinstance(first, Loaded)
    again = Worker().load(elsewhere)  # it was kept
    assert isinstance(again, Loaded)
    assert again.about == first.about
    ship.keep(Path(elsewhere.path), elsewhere.key, files, contents)  # another worker, as late
    assert [path.name for path in (tmp_path / "sent").iterdir()] == [elsewhere.key]


def test_a_model_of_another_content_is_not_taken(tiny_model: Path) -> None:
    assert isinstance(Worker().load(replace(spec(tiny_model), key="other")), Lacking)


def test_a_folder_that_workers_do_not_see(driver: Callable[..., Any], recording: Path) -> None:
    run, pool = driver([Job(recording)])
    error = AudioError(f"no file {recording}", "check the path")
    report = Report([Done(error=error, unseen=True)], 0.1)
    real = pool.wait

    def wait(timeout_s: float) -> list[Any]:
        return [replace(event, report=report) for event in real(timeout_s)]

    pool.wait = wait
    with pytest.raises(ClusterError, match=r"does not see .*a\.wav") as caught:
        list(run.events())
    assert "all machines share" in caught.value.hint


class FakeRay:
    """As much of Ray as a pool sees; each worker's load has the next of ``answers``."""

    class exceptions:  # noqa: N801 - as Ray has it
        class RayError(Exception): ...

        class RayTaskError(RayError): ...

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers

    def wait(self, refs: list[Any], **how: Any) -> tuple[list[Any], list[Any]]:
        return refs[: how["num_returns"]], []

    def get(self, ref: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, self.exceptions.RayError):
            raise answer
        return answer

    def kill(self, actor: Any) -> None: ...


def pool_of(ray: FakeRay, tiny_model: Path, workers: int = 1) -> Pool:
    def actor(cls: type) -> Any:
        return SimpleNamespace(load=SimpleNamespace(remote=lambda spec: object()))

    cluster: Any = SimpleNamespace(
        ray=ray, actor=actor, wanted=lambda: workers, address="local", room=lambda: ""
    )
    return Pool(cluster, spec(tiny_model), lambda row: None)


def test_workers_that_die_while_they_load_end_the_run(tiny_model: Path) -> None:
    text = "The actor died unexpectedly\nThe actor died because of no memory."
    ray = FakeRay([FakeRay.exceptions.RayError(text) for _ in range(3)])
    with pytest.raises(ClusterError, match="3 workers died while they loaded the model: of no mem"):
        pool_of(ray, tiny_model).first()


@pytest.mark.parametrize(
    ("text", "blameless"),
    [
        (
            "The actor died unexpectedly.\nThe actor died because its node has died. Node Id: 5",
            True,
        ),
        (
            "1 worker(s) were killed due to the node running low on memory. Memory on the node",
            False,
        ),
        ("The actor is dead because its worker process has died. Worker exit type: X", False),
    ],
)
def test_what_a_recording_may_have_done_counts_against_it(
    tiny_model: Path, text: str, blameless: bool
) -> None:
    """A machine that has gone does not; one whose memory is full, which Ray names so, does: else a
    recording that fills it would be tried for ever."""
    pool = pool_of(FakeRay([]), tiny_model)
    seat = Seat(None)
    pool.seats.append(seat)
    assert pool._lost(seat, FakeRay.exceptions.RayError(text)).blameless == blameless


def test_workers_without_attnasr_are_named(tiny_model: Path) -> None:
    text = "Traceback\n  File\nModuleNotFoundError: No module named 'attnasr_cli'"
    ray = FakeRay([FakeRay.exceptions.RayTaskError(text)])
    with pytest.raises(ClusterError, match="the workers lack a package") as caught:
        pool_of(ray, tiny_model).first()
    assert "install attnasr" in caught.value.hint


def test_what_a_worker_says_of_the_model_is_said(tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="cannot do"):
        pool_of(FakeRay([UsageError("cannot do", "leave it")]), tiny_model).first()
