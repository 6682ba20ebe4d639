"""The recipe of the model that ships: what its scripts read, what its stages write, and figures
that are measured, not typed."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from attnasr_cli.checkpoint.folder import load_model, read_header, write_header

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "english-small"
SHIPPED = ROOT / "models" / "english-small"
Script = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """``script("ship")`` imports a script of the recipe, which imports its neighbours by name."""
    monkeypatch.syspath_prepend(str(RECIPE))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(RECIPE)):
            del sys.modules[name]


def git(path: Path, *args: str) -> str:
    me = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(["git", *me, "-C", path, *args], check=True, capture_output=True)
    return done.stdout.decode().strip()


def commit(path: Path, files: dict[str, bytes]) -> str:
    """A repository of these files; returns its commit."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    git(path, "init", "-q")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "all")
    return git(path, "rev-parse", "HEAD")


@pytest.fixture
def dev(
    tmp_path: Path,
    tiny_model: Path,
    speech_file: Callable[..., Path],
    attnasr: Callable[..., object],
) -> tuple[Path, Path]:
    """A copy of the tiny model, and a manifest of two recordings of which it hears one rightly."""
    model = tmp_path / "tiny"
    shutil.copytree(tiny_model, model)
    for i in range(2):
        speech_file(tmp_path / f"{i}.wav", seed=i)
    from attnasr_cli.recognize.recognizer import load

    first, second = (t.text for t in load(str(model)).transcribe(sorted(tmp_path.glob("?.wav"))))
    assert first.split()
    rows = ["id\tpath\ttext", f"0\t0.wav\t{first}", f"1\t1.wav\t{second} and more"]
    (tmp_path / "dev.tsv").write_text("\n".join(rows) + "\n")
    return model, tmp_path / "dev.tsv"


def test_what_is_measured_is_what_score_prints(
    script: Script,
    dev: tuple[Path, Path],
    attnasr: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, manifest = dev
    monkeypatch.setattr(sys, "argv", ["measure.py", str(model), str(manifest)])
    script("measure").main()
    origin = read_header(model).origin
    told = attnasr("score", manifest, "--model", model, "--normalizer", "lower", "--format", "json")
    [found] = json.loads(told.out)["scores"]
    assert 0 < origin["dev_wer"] < 1
    assert origin["dev_wer"] == round(found["error_rate"], 4)
    assert origin["dev_cer"] == round(found["cer"], 4)
    assert origin["dev_utterances"] == 2
    assert origin["command"] == "attnasr score dev.tsv --model tiny --normalizer lower"
    card = (model / "README.md").read_text(encoding="utf-8")
    assert f"WER {100 * origin['dev_wer']:.2f} %" in card
    assert "data.tsv" not in card  # the list of a run, which is not there


def test_measuring_changes_nothing_else(
    script: Script, dev: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, manifest = dev
    (model / "README.md").write_text("# My own card\n")
    before = read_header(model)
    write_header(
        model, script("measure").with_figures(before, script("measure").score("a", "b"), "")
    )
    monkeypatch.setattr(sys, "argv", ["measure.py", str(model), str(manifest)])
    script("measure").main()
    after = tomllib.loads((model / "model.toml").read_text())
    assert after["origin"].keys() == {"dev_wer", "dev_cer", "dev_utterances", "command"}
    assert after["origin"]["dev_wer"] < 1
    assert load_model(model).header.weights == before.weights
    assert (model / "README.md").read_text() == "# My own card\n"


def test_the_origin_is_added_up_from_runs_and_manifests(
    script: Script, tmp_path: Path, tiny_model: Path
) -> None:
    shutil.copytree(tiny_model, tmp_path / "letters")
    header = read_header(tmp_path / "letters")
    header.origin.update(hours_seen=2.5, minutes=30.0, dev_wer=0.9)
    write_header(tmp_path / "letters", header)
    for name, corpora in (("train", "aab"), ("taught", "c")):
        rows = [f"{i}\t{i}.flac\ta\ts\t3600\t{corpus}" for i, corpus in enumerate(corpora)]
        header_row = "id\tpath\ttext\tspeaker\tduration_s\tcorpus"
        (tmp_path / f"{name}.tsv").write_text("\n".join([header_row, *rows]) + "\n")
    run = {"seed": 1, "hours_seen": 1.0, "minutes": 6.0, "dev_wer": 0.4, "dev_cer": 0.2}
    found = script("ship").origin_of(
        {**run, "dev_utterances": 9},
        [tmp_path / "letters"],
        [tmp_path / "train.tsv"],
        [tmp_path / "taught.tsv"],
        "weights/whisper-base",
    )
    data = "3.0 h (a 2.0, b 1.0) with its text; 1.0 h (c 1.0) with the text of whisper-base"
    assert found == {"seed": 1, "hours_seen": 3.5, "minutes": 36.0, "data": data}


def test_text_is_read_out_of_clones(
    script: Script, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("talks/1.txt", "One.\r\n")
        archive.writestr("talks/README", "no")
    texts = {"b/1.txt": b"\xef\xbb\xbfGo.\tVa !", "b/c/2.txt": b"Two.", "d.txt": b"no"}
    last = commit(tmp_path / "a+b", {**texts, "talks.zip": packed.getvalue()})
    (tmp_path / "a+b" / "b" / "1.txt").write_text("not what was committed")
    source = script("text_sources").Source
    found = dict(source("x", "a/b", last, ("b", ".txt"), "lines", "").texts(tmp_path))
    assert found == {"x/b/1.txt": "Go.\tVa !", "x/b/c/2.txt": "Two."}
    assert list(found) == sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest())
    assert script("prepare_text").english(found["x/b/1.txt"]) == ["Go."]
    zipped = source("talks", "a/b", last, ("talks.zip", ".txt"), "talk", "")
    assert dict(zipped.texts(tmp_path)) == {"talks/1.txt": "One.\n"}
    lost = git(tmp_path / "a+b", "rev-parse", "HEAD:b/c/2.txt")
    (tmp_path / "a+b" / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    left = dict(source("x", "a/b", last, ("b", ".txt"), "lines", "").texts(tmp_path))
    assert list(left) == ["x/b/1.txt"]
    assert "skipped: x/b/c/2.txt" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"git clone --bare https://github\.com/no/where"):
        list(source("x", "no/where", last, ("b", ".txt"), "lines", "").texts(tmp_path))


def test_clones_that_are_missing_are_brought(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = commit(tmp_path / "hub" / "who" / "one", {"a.txt": b"a"})
    for key, value in (
        ("COUNT", "1"),
        ("KEY_0", f"url.{(tmp_path / 'hub').as_uri()}/.insteadOf"),
        ("VALUE_0", "https://github.com/"),
    ):
        monkeypatch.setenv(f"GIT_CONFIG_{key}", value)
    clone = script("clone")
    assert {"cmusphinx/cmudict", "nltk/nltk_data", "orcan369/DNS-test"} <= set(clone.names())
    monkeypatch.setattr(clone, "names", lambda: ["who/one", "who/two"])
    (tmp_path / "repos" / "who+two").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["clone.py", str(tmp_path / "repos")])
    clone.main()
    assert script("prepare").Repo.of(tmp_path / "repos", "who/one", last).text("a.txt") == "a"
    assert not list((tmp_path / "repos" / "who+two").iterdir())


@pytest.mark.parametrize("most", [0, 1, 3, 7, 9])
def test_a_part_of_a_corpus_is_spread_over_it(script: Script, most: int) -> None:
    part = list(script("prepare").spread(list(range(7)), most))
    assert len(part) == (7 if most in (0, 9) else most)
    assert part == sorted(set(part))
    assert most != 3 or part == [0, 2, 4]


def stages(*variables: str) -> list[str]:
    """The commands of `make model`, as make would run them."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    command = ["make", "--no-print-directory", "-n", "model", "DATA=there", *variables]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.replace("\\\n", " ").splitlines()


def test_a_small_run_has_all_stages_and_leaves_the_model_alone() -> None:
    small, whole = stages("SMALL=1"), stages()
    assert not [line for line in small if "models/english-small" in line]
    assert [line for line in whole if "--out models/english-small" in line]
    smaller = r"--(set \S+=\d+|most \d+|max-words \d+)(?= |$)"
    alike = [re.sub(smaller, "", line).replace("there/model", "models/english-small").split()
             for line in small]  # fmt: skip
    assert alike == [re.sub(smaller, "", line).split() for line in whole]
    assert len([line for line in small if "attnasr train" in line]) == 7
    assert small != whole


def test_no_stage_writes_over_the_text_of_another() -> None:
    """The sentence net's books have case; the language models would have learnt from them."""
    outs = {
        name: re.search(r"--out there/(\S+)", next(line for line in stages() if name in line))
        for name in ("prepare_text.py", "prepare_sentences.py")
    }
    folders = {name: found[1] for name, found in outs.items() if found}
    of_lms, of_sentences = folders["prepare_text.py"], folders["prepare_sentences.py"]
    assert of_lms != of_sentences
    for recipe, folder in (("lm", of_lms), ("neural_lm", of_lms), ("sentences", of_sentences)):
        table = tomllib.loads((RECIPE / f"{recipe}.toml").read_text(encoding="utf-8"))[recipe]
        assert {text.split("/")[0] for text, _ in table["texts"]} == {folder}


def test_the_card_says_what_the_folder_has() -> None:
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    origin = read_header(SHIPPED).origin
    rates = f"**{100 * origin['dev_wer']:.1f} %**, CER **{100 * origin['dev_cer']:.1f} %**"
    assert rates in card
    assert f"{origin['dev_utterances']} utterances" in card
    assert origin["command"] in card
    words = {line.split()[0] for line in (SHIPPED / "lexicon.txt").open(encoding="utf-8")} - {"#"}
    assert f"a lexicon\nof {len(words):,} words" in card
    parameters = sum(p.numel() for p in load_model(SHIPPED).net.parameters())
    assert f"{parameters / 1e6:.1f} M parameters in eight bits" in card
    for name, digits in (("lm", 0), ("neural_lm", 1), ("sentences", 1)):
        size = (SHIPPED / f"{name}.safetensors").stat().st_size / 1e6
        assert f"{size:.{digits}f} MB" in card
