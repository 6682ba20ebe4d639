"""Features that are computed once: a folder that grows and can be stopped at any moment."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from attnasr_cli.app import main
from attnasr_cli.errors import DataError, OutputError
from attnasr_cli.training.data import cache, shards
from attnasr_cli.training.data.cache import Rows, open_rows
from attnasr_cli.training.formats.utterance import Utterance

Open = Callable[..., Rows]


@pytest.fixture
def recordings(tmp_path: Path) -> list[Utterance]:
    """Seven files of 1 to 7 bytes."""
    found = []
    for n in range(1, 8):
        path = tmp_path / f"{n}.wav"
        path.write_bytes(b"x" * n)
        found.append(Utterance(str(n), path, "text"))
    return found


@pytest.fixture
def computed() -> list[str]:
    return []


@pytest.fixture
def open_(tmp_path: Path, computed: list[str]) -> Open:
    """Rows (n, 2) for a file of n bytes; a file of 5 bytes has a problem."""

    def compute(utterance: Utterance) -> np.ndarray:
        size = utterance.path.stat().st_size
        computed.append(utterance.id)
        if size == 5:
            raise DataError("five is too much")
        return np.full((size, 2), size, np.float32)

    def opened(utterances: list[Utterance], about: str = "a") -> Rows:
        folder = tmp_path / "cache"
        return open_rows(folder, utterances, about, np.float16, (2,), compute, "rows")

    return opened


def check(rows: Rows, sizes: list[int]) -> None:
    assert rows.lengths().tolist() == [0 if n == 5 else n for n in sizes]
    assert rows.problems == {i: "five is too much" for i, n in enumerate(sizes) if n == 5}
    for i, n in enumerate(sizes):
        expected = np.full((0 if n == 5 else n, 2), n, np.float32)
        np.testing.assert_array_equal(rows.get(i), expected)


def test_one_recording_more_costs_one_and_a_changed_one_is_made_again(
    recordings: list[Utterance], open_: Open, computed: list[str]
) -> None:
    check(open_(recordings[:4]), [1, 2, 3, 4])
    computed.clear()
    check(open_([*recordings[:4][::-1], recordings[6]]), [4, 3, 2, 1, 7])
    assert computed == ["7"]
    computed.clear()
    recordings[0].path.write_bytes(b"xxxx" * 5)
    check(open_(recordings), [20, 2, 3, 4, 5, 6, 7])
    assert sorted(computed) == ["1", "5", "6"]
    computed.clear()
    check(open_([recordings[4], recordings[4], recordings[1]]), [5, 5, 2])
    assert computed == []
    open_(recordings[:1], "b")
    assert computed == ["1"]  # another kind of features


def test_two_runs_that_share_a_folder_compute_once(
    recordings: list[Utterance], tmp_path: Path
) -> None:
    """The second one comes while the first one computes."""
    computed: list[str] = []
    found: list[Rows] = []

    def compute(utterance: Utterance) -> np.ndarray:
        computed.append(utterance.id)
        if len(computed) == 1:
            second.start()
            second.join(0.2)  # without a lock it is done by then
        size = utterance.path.stat().st_size
        return np.full((size, 2), size, np.float32)

    def run() -> None:
        found.append(
            open_rows(tmp_path / "cache", recordings[:4], "a", np.float16, (2,), compute, "rows")
        )

    second = threading.Thread(target=run)
    run()
    second.join()
    assert computed == ["1", "2", "3", "4"]
    for rows in found:
        check(rows, [1, 2, 3, 4])


def test_a_run_that_is_stopped_keeps_the_groups_that_were_done(
    recordings: list[Utterance], open_: Open, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "GROUP", 2)
    notes: list[str] = []

    def stop(text: str) -> None:
        notes.append(text)
        if len(notes) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(cache.console, "note", stop)
    with pytest.raises(KeyboardInterrupt):
        open_(recordings)
    computed.clear()
    check(open_(recordings), [1, 2, 3, 4, 5, 6, 7])
    assert sorted(computed) == ["5", "6", "7"]


@given(cut=st.integers(0, 10_000), shard_cut=st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_whatever_is_cut_off_is_made_again(
    tmp_path_factory: pytest.TempPathFactory, cut: int, shard_cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    utterances = []
    for n in range(1, 8):
        (folder / f"{n}.wav").write_bytes(b"x" * n)
        utterances.append(Utterance(str(n), folder / f"{n}.wav", "text"))

    def compute(utterance: Utterance) -> np.ndarray:
        size = utterance.path.stat().st_size
        return np.full((size, 2), size, np.float32)

    def opened() -> Rows:
        return open_rows(folder / "c", utterances, "a", np.float16, (2,), compute, "rows")

    opened()
    (index,) = (folder / "c").glob("*/index.jsonl")
    (shard,) = (folder / "c").glob("*/*.rows")
    os.truncate(index, min(cut, index.stat().st_size))
    os.truncate(shard, min(shard_cut, shard.stat().st_size))
    for rows in (opened(), opened()):
        assert [rows.get(i).sum() for i in range(7)] == [2.0 * n * n for n in range(1, 8)]
    shutil.rmtree(folder)


def test_a_large_cache_has_several_files(
    recordings: list[Utterance], open_: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, "GROUP", 1)
    monkeypatch.setattr(shards, "SHARD_BYTES", 20)
    check(open_(recordings), [1, 2, 3, 4, 5, 6, 7])
    assert len(list((tmp_path / "cache").glob("*/*.rows"))) == 3
    lines = [json.loads(x) for x in next((tmp_path / "cache").glob("*/index.jsonl")).open()]
    assert len(lines) == 7


def test_a_full_disk_is_one_line_and_what_was_written_stays(
    recordings: list[Utterance], open_: Open, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(open_(recordings[:2]), [1, 2])

    with monkeypatch.context() as patch:
        full = lambda self: Path("/dev/full").open("wb")  # noqa: E731, SIM115
        patch.setattr(shards.Adder, "_begin_shard", full)
        with pytest.raises(OutputError, match="No space left on device") as caught:
            open_(recordings)
    assert "--cache" in caught.value.hint
    computed.clear()
    check(open_(recordings), [1, 2, 3, 4, 5, 6, 7])
    assert "1" not in computed


def test_what_is_kept_on_disk_does_not_change_the_model(
    recipe: Path, tones: Path, tmp_path: Path
) -> None:
    def train(name: str, *changes: str, workers: int = 1) -> bytes:
        sets = [word for change in ["optim.updates=3", *changes] for word in ("--set", change)]
        command = [
            "train", str(recipe), "-o", str(tmp_path / name), "--train", str(tones / "train.tsv"),
            "--dev", str(tones / "dev.tsv"), "--device", "cpu", "--dtype", "float32",
            "--workers", str(workers), *sets,
        ]  # fmt: skip
        assert main(command) == 0
        return (tmp_path / name / "weights.safetensors").read_bytes()

    def kept_bytes(name: str) -> int:
        return sum(path.stat().st_size for path in tmp_path.glob(f"{name}/train/features/*/*.rows"))

    audio = train("audio", "data.cache='audio'")
    assert train("none", "data.cache='none'") == audio
    assert kept_bytes("none") == 40 * 4  # a number for each utterance
    assert kept_bytes("audio") == sum(path.stat().st_size - 44 for path in tones.glob("train*.wav"))
    train("ahead", "data.cache='none'", "batch.ahead=2", workers=2)
    of_two = load_file(tmp_path / "ahead" / "weights.safetensors")
    for name, value in load_file(tmp_path / "none" / "weights.safetensors").items():
        np.testing.assert_allclose(of_two[name], value, rtol=1e-3, atol=1e-4)


def test_another_kind_of_cache_is_refused(
    recipe: Path, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(recipe), "-o", str(tmp_path / "x"), "--set", "data.cache='ram'"]) == 2
    assert "use one of features, audio, none" in capsys.readouterr().err
