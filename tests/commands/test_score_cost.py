"""What `attnasr score` loads, and how often it calls what aligns: its speed, without a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from attnasr_cli.app import main

REF = "id\ttext\tspeaker\na\tthe cat sat\ts1\nb\tgood morning\ts2\n"


HYP = "id\ttext\nb\tgood morning\na\tthe cat sad\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ref.tsv").write_text(REF)
    Path("hyp.tsv").write_text(HYP)
    Path("other.tsv").write_text(HYP.replace("sad", "sat"))
    return tmp_path


def run(*args: str) -> int:
    return main(["score", *args])


def imported(code: str) -> set[str]:
    """The packages that a fresh Python has loaded after some lines."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('@', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()[1:]}


def test_what_is_loaded(here: Path) -> None:
    # seconds depend on the machine; what is imported does not
    main = "from attnasr_cli.app import main\nassert main(['score', {}]) == 0"
    slow = {"torch", "torchaudio", "scipy", "transformers", "sentencepiece", "av", "pandas"}
    for_work = {"numpy", "jiwer", "rapidfuzz", "regex", "rich", "whisper_normalizer"}
    assert not imported(main.format("'--help'")) & (slow | for_work)
    scored = imported(main.format("'ref.tsv', 'hyp.tsv', '-n', 'lower,whisper', '-q'"))
    assert not scored & slow
    assert {"jiwer", "whisper_normalizer"} <= scored
    assert not imported("import attnasr_cli\nattnasr_cli.score('a b', 'a c').wer") & slow


def test_many_utterances_are_aligned_in_few_calls(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # bench/score_speed.py times 100,000; here the calls are counted, which no machine changes
    import jiwer

    calls: list[int] = []
    real = jiwer.process_words

    def counted(refs: list[str], hyps: list[str], **options: object) -> object:
        calls.append(len(refs))
        return real(refs, hyps, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(jiwer, "process_words", counted)
    lines = [f"u{k}\talpha beta gamma {k % 7}" for k in range(5000)]
    Path("ref.tsv").write_text("\n".join(["id\ttext", *lines]) + "\n")
    changed = [line.replace("gamma", "gama") for line in lines]
    Path("hyp.tsv").write_text("\n".join(["id\ttext", *changed]) + "\n")
    assert run("ref.tsv", "hyp.tsv", "-q", "-o", "x.json") == 0
    found = json.loads(Path("x.json").read_text())["scores"][0]
    assert (found["utterances"], found["units"]["substituted"]) == (5000, 5000)
    assert calls == [2000, 2000, 1000] * 2  # words, then characters
