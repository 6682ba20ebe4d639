"""What a run by workers gives is what one process gives, whatever becomes of the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from attnasr_cli.cluster.backlog import Chunk
from attnasr_cli.cluster.run import Driver
from attnasr_cli.errors import AttnasrError
from attnasr_cli.output.formats import to_json
from attnasr_cli.recognize.jobs import Check, Job, Known, Part, Result, Skip
from attnasr_cli.recognize.recognizer import Recognizer, load
from tests.cluster.conftest import SETTINGS, Threadless

Make = Callable[..., tuple[Driver, Threadless]]
LONG = 6


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> Recognizer:
    return load(tiny_model, "cpu", "float32", **SETTINGS)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, speech_file: Callable[..., Path]) -> list[Job]:
    """Seven short recordings and one that is parted among workers."""
    folder = tmp_path_factory.mktemp("speech")
    seconds = [0.8, 1.8, 1.1, 0.6, 1.5, 0.9, 34.0, 1.0]
    return [Job(speech_file(folder / f"{i}.wav", length, i)) for i, length in enumerate(seconds)]


@pytest.fixture(scope="module")
def expected(plain: Recognizer, jobs: list[Job]) -> list[str]:
    return [output(plain, result) for result in plain.run(jobs)]


def output(plain: Recognizer, result: Result) -> str:
    """What is written of a result."""
    assert result.complete
    if result.error is not None:
        return result.error.message
    return to_json(plain.transcript(result).to_json())


def outputs(plain: Recognizer, found: list[Result]) -> list[str]:
    by_number = sorted(found, key=lambda result: result.number)
    assert [result.number for result in by_number] == list(range(len(found)))
    return [output(plain, result) for result in by_number]


def results(events: Iterator[Part | Result]) -> list[Result]:
    return [event for event in events if isinstance(event, Result)]


@pytest.mark.parametrize(("workers", "ordered"), [(1, False), (2, True), (5, False)])
def test_the_same_results_by_any_number_of_workers(
    driver: Make,
    plain: Recognizer,
    jobs: list[Job],
    expected: list[str],
    workers: int,
    ordered: bool,
) -> None:
    run, pool = driver(jobs, workers, ordered)
    pool.turn = lambda busy: busy[-1]
    found = results(run.events())
    assert outputs(plain, found) == expected
    if ordered:
        assert [result.number for result in found] == list(range(len(jobs)))
    assert sum(chunk.survey for chunk in pool.chunks) == 1
    assert sum(item.recording.result.number == LONG for c in pool.chunks for item in c.items) > 3


def test_chunks_do_not_depend_on_the_workers(driver: Make, jobs: list[Job]) -> None:
    """Nor do batches, then, nor the last digit of a figure."""
    seen = set()
    for workers in (1, 3):
        run, pool = driver(jobs, workers)
        figures = {
            result.number: tuple(d.avg_logprob for _, d in result.parts)
            for result in results(run.events())
        }
        numbers = [
            (tuple(item.recording.result.number for item in chunk.items), chunk.survey)
            for chunk in pool.chunks
        ]
        seen.add((tuple(sorted(numbers)), tuple(sorted(figures.items()))))
    assert len(seen) == 1


def test_segments_of_a_parted_recording_come_in_order_where_it_is_asked(
    driver: Make, plain: Recognizer, jobs: list[Job]
) -> None:
    want = [e for e in plain.events(jobs[LONG : LONG + 1]) if isinstance(e, Part)]
    run, pool = driver(jobs[LONG:], 3, True)
    pool.turn = lambda busy: busy[-1]
    parts = [e for e in run.events() if isinstance(e, Part)]
    assert [part.place for part in parts] == [part.place for part in want]
    assert all(part.new for part in parts)


class Knowing(Check):
    """Some segments are known from before."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def elsewhere(self) -> Check:
        return Check()

    def adopt(self, other: Check) -> Known:
        return self.known


def test_what_is_known_of_a_long_recording_is_not_decoded_again(
    driver: Make, plain: Recognizer, jobs: list[Job], expected: list[str]
) -> None:
    parts = [e for e in plain.events(jobs[LONG : LONG + 1]) if isinstance(e, Part)]
    for known in (parts[1::2], parts):
        check = Knowing({part.place: part.outcome for part in known})
        run, pool = driver([replace(jobs[LONG], check=check)], 2)
        events = list(run.events())
        assert outputs(plain, results(iter(events))) == expected[LONG : LONG + 1]
        new = {e.place for e in events if isinstance(e, Part) and e.new}
        assert new == {part.place for part in parts} - {part.place for part in known}
        decoded = [item for c in pool.chunks for item in c.items if item.job.places is not None]
        assert sum(len(item.job.places or ()) for item in decoded) == len(new)


def test_a_worker_that_dies_costs_what_it_had_in_hand(
    driver: Make, plain: Recognizer, jobs: list[Job], expected: list[str]
) -> None:
    """The first three chunks each lose their worker once; nothing is lost, nothing comes twice."""
    for reason in ("killed", "its node has died"):
        run, pool = driver(jobs, 2)
        deaths = iter([reason] * 3)
        pool.fate = lambda chunk, deaths=deaths: next(deaths, None)
        assert outputs(plain, results(run.events())) == expected


def test_a_recording_that_kills_fails_alone(
    driver: Make, plain: Recognizer, jobs: list[Job], expected: list[str]
) -> None:
    for poison in (2, LONG):
        run, pool = driver(jobs, 2)
        died: list[int] = []

        def fate(chunk: Chunk, poison: int = poison, died: list[int] = died) -> str | None:
            numbers = [item.recording.result.number for item in chunk.items]
            if poison not in numbers:
                return None
            died.append(len(numbers))
            return "out of memory"

        pool.fate = fate
        found = outputs(plain, results(run.events()))
        message = f"{jobs[poison].shown}: 3 workers died of it: out of memory"
        assert found == [message if i == poison else text for i, text in enumerate(expected)]
        assert len(died) == 3
        assert died[2] == 1  # by then it is known who it is


class Failing(Check):
    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def before(self) -> Known:
        raise self.problem


def test_recordings_that_fail_or_are_done_leave_the_others(
    driver: Make, plain: Recognizer, jobs: list[Job], expected: list[str], tmp_path: Path
) -> None:
    for number, problem in ((1, ValueError("strange")), (LONG, AttnasrError("no", "never"))):
        mixed = list(jobs)
        mixed[number] = replace(jobs[number], check=Failing(problem))
        mixed[3] = replace(jobs[3], check=Failing(Skip()))
        run, _ = driver(mixed)
        got = results(run.events())
        assert [result.number for result in got if result.skipped] == [3]
        found = outputs(plain, got)
        different = [i for i, text in enumerate(found) if text != expected[i]]
        assert different == sorted([number, 3])
        assert str(problem) in found[number]
    run, _ = driver([*jobs[:2], Job(tmp_path / "nothing.wav")])
    assert "no file" in outputs(plain, results(run.events()))[2]


def test_recordings_that_come_one_by_one_are_not_kept_waiting(
    driver: Make, jobs: list[Job]
) -> None:
    seen: list[int] = []

    def arriving() -> Iterator[Job | None]:
        for number, job in enumerate(jobs[:3]):
            yield job
            yield None
            while number not in seen:
                yield None

    run, _ = driver(arriving())
    for event in run.events():
        if isinstance(event, Result):
            seen.append(event.number)
    assert seen == [0, 1, 2]
