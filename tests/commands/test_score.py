"""``attnasr score`` as people call it: through ``main``, with exit codes and one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from dataclasses import dataclass
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


def scored(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, object]:
    assert run("ref.tsv", "hyp.tsv", "--format", "json", *args) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)["scores"][0]
    return found


def test_the_table_goes_to_stdout(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ref.tsv", "hyp.tsv") == 0
    out, err = capsys.readouterr()
    assert "WER" in out
    assert "20.00 %" in out
    assert "alignment levenshtein" in out
    assert err == ""


def test_fail_above(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ref.tsv", "hyp.tsv", "--fail-above", "0.2") == 0
    assert run("ref.tsv", "hyp.tsv", "--fail-above", "0.15") == 3
    assert "WER 0.2000 is above 0.15" in capsys.readouterr().err
    # the result is there all the same
    assert run("ref.tsv", "hyp.tsv", "--fail-above", "0.1", "-o", "out.json") == 3
    assert Path("out.json").exists()


@pytest.mark.parametrize(
    ("args", "name", "expected"),
    [
        ((), "wer", 0.2),
        (("--unit", "char"), "cer", 1 / 20),
        (("--alignment", "nist"), "alignment", "nist"),
        (("--normalizer", "none"), "normalizer", "none"),
        (("--seed", "5"), "interval", {"seed": 5}),
        (("--samples", "500"), "interval", {"samples": 500}),
        (("--by", "speaker"), "by", {"speaker": ["s1", "s2"]}),
        (("--top", "0"), "confusions", {"substituted": []}),
        (("--only-errors",), "utterances_by_error", 1),
    ],
)
def test_every_option_changes_something(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    name: str,
    expected: object,
) -> None:
    found = scored(capsys, *args)[name]
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        for key, value in expected.items():
            inside = found[key]
            assert (list(inside) if isinstance(inside, dict) else inside) == value
    elif isinstance(found, list):
        assert len(found) == expected
    else:
        assert found == expected


def test_worst_and_quiet(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("ref.tsv", "hyp.tsv", "--worst", "0")
    assert "REF:" not in capsys.readouterr().out
    run("ref.tsv", "hyp.tsv", "--worst", "1")
    assert capsys.readouterr().out.count("REF:") == 1
    run("ref.tsv", "hyp.tsv", "-o", "x.csv")
    assert "written: x.csv" in capsys.readouterr().err
    run("ref.tsv", "hyp.tsv", "-o", "x.csv", "--quiet")
    assert capsys.readouterr().err == ""


def test_formats_by_name_and_by_ending(here: Path) -> None:
    for name in ("json", "csv", "html", "pra", "sgml", "txt"):
        assert run("ref.tsv", "hyp.tsv", "-q", "-o", f"out.{name}") == 0
    assert Path("out.html").read_text().startswith("<!doctype html>")
    assert "WER" in Path("out.txt").read_text()
    assert "Scores: (#C #S #D #I) 2 1 0 0" in Path("out.pra").read_text()
    assert run("ref.tsv", "hyp.tsv", "-q", "-o", "odd.name", "--format", "csv") == 0
    assert Path("odd.name").read_text().startswith("system,")
    assert not list(here.glob("*.part"))


def test_a_device_stays_a_device(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True)
    assert run("ref.tsv", "hyp.tsv", "-o", "pipe", "--format", "csv") == 0
    assert reader.communicate()[0].startswith("system,")
    assert Path("pipe").is_fifo()


def test_formats_of_inputs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r").write_text("hello world")
    Path("h").write_text("hello word")
    assert run("r", "h") == 1
    assert "cannot tell" in capsys.readouterr().err
    assert run("r", "h", "--ref-format", "txt", "--hyp-format", "txt") == 0
    out, err = capsys.readouterr()
    assert "50.00 %" in out
    assert "paired as one recording" in err


def test_against(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ref.tsv", "hyp.tsv", "--against", "other.tsv") == 0
    out = capsys.readouterr().out
    assert "other.tsv against hyp.tsv (lower)" in out
    assert "utterances: 1 better, 0 worse" in out


def test_several_normalizers_side_by_side(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("hyp.tsv").write_text(HYP.replace("good", "Good,"))
    assert run("ref.tsv", "hyp.tsv", "-n", "none,basic", "--format", "json") == 0
    rates = [one["wer"] for one in json.loads(capsys.readouterr().out)["scores"]]
    assert rates == [0.4, 0.2]


def test_missing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("hyp.tsv").write_text("id\ttext\na\tthe cat sat\n")
    assert run("ref.tsv", "hyp.tsv") == 1
    error = capsys.readouterr().err
    assert "error: hyp.tsv lacks 1 of the references: b" in error
    assert "hint: --allow-missing" in error
    assert run("ref.tsv", "hyp.tsv", "--allow-missing", "--format", "json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["scores"][0]["units"]["deleted"] == 2
    assert "warning: hyp.tsv lacks 1" in err


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("ref.tsv",), 2, "HYP is missing"),
        (("ref.tsv", "hyp.tsv", "--model", "m"), 2, "one too many"),
        ((), 2, "Missing argument"),
        (("ref.tsv", "gone.tsv"), 1, "gone.tsv: no such file"),
        (("ref.tsv", "hyp.tsv", "-n", "lowr"), 2, "no normalizer 'lowr'"),
        (("ref.tsv", "hyp.tsv", "-n", ","), 2, "no normalizer named"),
        (("ref.tsv", "hyp.tsv", "-n", "none,none"), 2, "named twice"),
        (("ref.tsv", "hyp.tsv", "--alignment", "x"), 2, "no alignment 'x'"),
        (("ref.tsv", "hyp.tsv", "--unit", "x"), 2, "no unit 'x'"),
        (("ref.tsv", "hyp.tsv", "--format", "x"), 2, "no format 'x'"),
        (("ref.tsv", "hyp.tsv", "--ref-format", "x"), 1, "no format 'x'"),
        (("ref.tsv", "hyp.tsv", "--hyp-format", "stm"), 1, "hyp.tsv:1: 2 fields"),
        (("ref.tsv", "hyp.tsv", "-o", "x.docx"), 2, "cannot tell the format"),
        (("ref.tsv", "hyp.tsv", "-o", "ref.tsv/x.csv"), 1, "ref.tsv/x.csv: "),
        (("ref.tsv", "hyp.tsv", "-o", ".", "--format", "csv"), 1, ".: Is a directory"),
        (("ref.tsv", "hyp.tsv", "--by", "age"), 1, "no column 'age'"),
        (("ref.tsv", "hyp.tsv", "--fail-above", "15"), 2, "15 is not a rate"),
        (("ref.tsv", "hyp.tsv", "--fail-above", "nan"), 2, "nan is not a rate"),
        (("ref.tsv", "hyp.tsv", "--fail-above", ".1", "-n", "none,lower"), 2, "one normalizer"),
        (("ref.tsv", "hyp.tsv", "--samples", "5"), 2, "--samples 5 is too small"),
        (("ref.tsv", "hyp.tsv", "--worst", "-1"), 2, "--worst -1 is too small"),
        (("ref.tsv", "hyp.tsv", "--format", "csv", "--by", "speaker"), 2, "--by does nothing"),
        (("ref.tsv", "hyp.tsv", "--format", "json", "--worst", "3"), 2, "--worst does nothing"),
        (("ref.tsv", "hyp.tsv", "--format", "pra", "--against", "o"), 2, "--against does nothing"),
        (("ref.tsv", "hyp.tsv", "--format", "sgml", "-n", "none,lower"), 2, "one normalizer"),
        (("-", "-"), 2, "stdin can be only one"),
        (("", "hyp.tsv"), 2, "an empty name"),
        (("ref.tsv", ""), 2, "an empty name"),
        (("ref.tsv", "hyp.tsv", "--against", ""), 2, "an empty name"),
        (("ref.tsv", "hyp.tsv", "-o", ""), 2, "an empty name"),
        (("ref.tsv", "--model", ""), 2, "an empty name"),
    ],
)
def test_what_cannot_work_is_one_line_and_a_hint(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    assert run(*args) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.strip().split("\n")
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert [line[:6] for line in lines[1:]] == ["hint: "]


def test_stdin(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "attnasr_cli", "score", "ref.tsv", "-", "--format", "json"],
        input=HYP,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert json.loads(done.stdout)["scores"][0]["wer"] == 0.2


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_stdout_that_is_closed_or_full_is_an_error(here: Path, form: str) -> None:
    line = f"{sys.executable} -m attnasr_cli score ref.tsv hyp.tsv --format {form}"
    for where in (">&-", "> /dev/full"):
        done = subprocess.run(
            ["sh", "-c", f"{line} {where}"],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert "Traceback" not in done.stderr


@dataclass
class FakeTranscript:
    file: str
    text: str


def test_model_transcribes_first(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[object] = []

    class Fake:
        def transcribe(self, paths: list[str]) -> list[FakeTranscript]:
            asked.extend(paths)
            return [FakeTranscript(path, "the cat sat") for path in paths]

    module = types.ModuleType("attnasr_cli.recognize.recognizer")
    options: list[dict[str, object]] = []

    def load(name: str, **given: object) -> Fake:
        asked.append(name)
        options.append(given)
        return Fake()

    module.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "attnasr_cli.recognize.recognizer", module)
    monkeypatch.setattr("attnasr_cli.recognize.recognizer", module, raising=False)
    Path("clips").mkdir()
    Path("clips/a.wav").touch()
    Path("clips/b.wav").touch()
    Path("set.tsv").write_text("path\ttext\nclips/a.wav\tthe cat sat\nclips/b.wav\tgood\n")
    assert run("set.tsv", "--model", "tiny", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert asked == ["tiny", "clips/a.wav", "clips/b.wav"]
    assert found["hypotheses"] == {"path": "model tiny", "kind": "transcribed"}
    assert found["scores"][0]["units"]["errors"] == 3
    more = ["--option", "no-such=1"]
    assert run("set.tsv", "--model", "tiny", *more) == 2
    assert "no option 'no_such'" in capsys.readouterr().err
    more = ["--option", "vad=false", "--option", "beam=4", "--option", "phrases=list.txt"]
    assert run("set.tsv", "--model", "tiny", *more) == 0
    assert options[-1] == {"vad": False, "beam": 4, "phrases": "list.txt"}
    assert run("set.tsv", "--model", "tiny", "--option", "vad=maybe") == 2
    assert run("set.tsv", "set.tsv", "--option", "vad=false") == 2
    assert "--option without --model" in capsys.readouterr().err
    Path("clips/b.wav").unlink()
    assert run("set.tsv", "--model", "tiny") == 1
    assert "no recording for 1 of 2 references: clips/b.wav" in capsys.readouterr().err
