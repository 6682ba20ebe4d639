"""``score --model --cluster`` scores what the workers of a cluster wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attnasr_cli.cluster import recognizer as module
from attnasr_cli.cluster.messages import Loaded
from attnasr_cli.cluster.worker import Worker
from tests.cluster.conftest import Threadless
from tests.conftest import Ran


def test_the_figures_are_those_without_a_cluster(
    worker: tuple[Worker, Loaded],
    speech_file: Callable[..., Path],
    tmp_path: Path,
    attnasr: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        speech_file(tmp_path / f"{number}.wav", 0.7, number)
    lines = [f"{number}\tone two three" for number in range(3)]
    (tmp_path / "ref.tsv").write_text("\n".join(["id\ttext", *lines, ""]))
    asked: list[Any] = []

    class Here(module.ClusterRecognizer):
        """Its workers are this process."""

        def __init__(self, address: str, model: str, **given: Any) -> None:
            asked.append((address, model, given))
            self.loaded = worker[1]
            pool: Any = Threadless(*worker, given["workers"])
            self.pool = pool

        def close(self) -> None:
            asked.append("closed")

    texts = [f"{t.text} " for t in _plain(worker, tmp_path)]
    (tmp_path / "hyp.tsv").write_text(
        "\n".join(["id\ttext", *(f"{i}\t{text}" for i, text in enumerate(texts)), ""])
    )
    monkeypatch.setattr(module, "ClusterRecognizer", Here)
    args = ["score", tmp_path / "ref.tsv", "--format", "json"]
    ran = attnasr(*args, "--model", "tiny", "--cluster", "auto", "--workers", "2")
    assert ran.code == 0, ran.err
    assert asked == [("auto", "tiny", {"workers": 2, "options": {}}), "closed"]
    plain = attnasr(*args, tmp_path / "hyp.tsv")
    assert _rate(ran) == _rate(plain)


def _plain(worker: tuple[Worker, Loaded], folder: Path) -> Iterator[Any]:
    recognizer = worker[0].recognizer
    assert recognizer is not None
    return recognizer.transcribe(sorted(folder.glob("*.wav")))


def _rate(ran: Ran) -> Any:
    return json.loads(ran.out)["scores"]
