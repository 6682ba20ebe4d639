"""``attnasr models``: what is at hand, which one is taken, and what a checkpoint is."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.checkpoint import hub
from attnasr_cli.checkpoint.registry import is_model
from attnasr_cli.families.registry import published
from attnasr_cli.transcribe.config import user_file
from tests.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTNASR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "theirs"))


def put(root: Path, repo: str, commit: str, *, ref: str = "", whole: bool = True) -> Path:
    """A model in a cache of the hub, as huggingface_hub lays it out."""
    folder = root / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text('{"model_type": "whisper"}')
    (snapshot / "tokenizer.json").write_text("{}")
    if whole:
        (snapshot / "model.safetensors").write_bytes(b"weights")
    if ref:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    return snapshot


def names(ran: Ran) -> dict[str, str]:
    return {row["name"]: row["origin"] for row in json.loads(ran.out)}


def test_what_was_downloaded_is_listed(attnasr: Run, tmp_path: Path) -> None:
    base = published()["whisper-base"]
    put(hub.cache(), base.repo, base.revision)
    put(tmp_path / "theirs", "someone/fine", "abc", ref="main")
    put(tmp_path / "theirs", "someone/half", "abc", ref="main", whole=False)
    other = put(tmp_path / "theirs", "someone/text", "abc", ref="main")
    (other / "config.json").write_text('{"model_type": "bert"}')
    found = names(attnasr("models", "list", "--format", "json"))
    assert found["english-small"] == "shipped"
    assert found["whisper-base"] == found["someone/fine"] == "downloaded"
    assert not {"someone/half", "someone/text"} & set(found)


def test_what_others_have_downloaded_is_used(tmp_path: Path) -> None:
    """Nobody downloads Whisper twice."""
    theirs = put(tmp_path / "theirs", "someone/fine", "abc", ref="main")
    assert hub.pull(hub.Source("someone/fine")) == theirs
    assert hub.local(hub.Source("someone/fine", "abc")) == theirs
    assert hub.local(hub.Source("someone/fine", "other")) is None
    assert not (tmp_path / "cache").exists()


def test_to_pull_what_ships_says_where_it_is(attnasr: Run) -> None:
    pulled = attnasr("models", "pull", "english-small")
    assert pulled.code == 0
    assert is_model(Path(pulled.out.strip()))


def test_the_default(attnasr: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert attnasr("models", "default").out == "english-small  # default\n"
    chosen = attnasr("models", "default", "whisper-small")
    assert chosen.code == 0
    assert "attnasr models pull whisper-small" in chosen.err
    assert attnasr("models", "default").out.startswith("whisper-small")
    user_file().write_text(
        '# mine\n[transcribe] # here\nbeam = 3\nmodel = "x" # old\nformat = "srt"\n'
    )
    assert attnasr("models", "default", "whisper-tiny").code == 0
    text = user_file().read_text()
    assert tomllib.loads(text)["transcribe"] == {
        "beam": 3,
        "model": "whisper-tiny",
        "format": "srt",
    }
    assert "# mine" in text
    monkeypatch.setenv("ATTNASR_MODEL", "whisper-base")
    assert "ATTNASR_MODEL says whisper-base" in attnasr("models", "default", "whisper-tiny").err


def test_a_default_by_path_is_whole(attnasr: Run, tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "runs").symlink_to(tiny_model.parent)
    assert attnasr("models", "default", "runs/tiny").code == 0
    assert attnasr("models", "default").out.startswith(str(tmp_path / "runs" / "tiny"))


@pytest.mark.parametrize("name", ["no-such-model", "whisper-tinny", "nowhere/at/all"])
def test_a_default_that_is_no_model(attnasr: Run, name: str) -> None:
    ran = attnasr("models", "default", name)
    assert ran.code == 1
    assert "no model" in ran.err
    assert not user_file().exists()


def test_a_wrong_file_is_not_made_worse(attnasr: Run) -> None:
    user_file().parent.mkdir(parents=True)
    user_file().write_text("[transcribe\n")
    assert attnasr("models", "default", "whisper-tiny").code == 2
    assert user_file().read_text() == "[transcribe\n"


def test_a_checkpoint_of_one_file(attnasr: Run, tmp_path: Path) -> None:
    (tmp_path / "tiny.pt").write_bytes(bytes(2_000_000))
    ran = attnasr("models", "show", "tiny.pt", "--format", "json")
    assert json.loads(ran.out)["net"] == "whisper"
    assert json.loads(ran.out)["file"] == {"megabytes": 2.0}
    (tmp_path / "notes.txt").write_text("no model")
    ran = attnasr("models", "show", "notes.txt")
    assert ran.code == 1
    assert "notes.txt is not a model" in ran.err


def test_without_a_choice_there_is_advice(
    attnasr: Run,
    tmp_path: Path,
    tiny_model: Path,
    speech_file: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "english-small").symlink_to(tiny_model)
    monkeypatch.setenv("ATTNASR_MODELS", str(tmp_path / "models"))
    sound = speech_file(tmp_path / "a.wav", 0.8, 1)
    advice = "attnasr models default whisper-small"
    assert attnasr("transcribe", sound, "--beam", 1).err.count(advice) == 1
    assert advice not in attnasr("transcribe", sound, "--beam", 1, "-q").err
    assert advice not in attnasr("transcribe", sound, "--beam", 1, "-m", "english-small").err
    monkeypatch.setenv("ATTNASR_MODEL", "english-small")
    assert advice not in attnasr("transcribe", sound, "--beam", 1).err


def test_published_models_are_listed_with_what_is_known_of_them(
    attnasr: Run, tmp_path: Path
) -> None:
    base = published()["whisper-base"]
    put(hub.cache(), base.repo, base.revision)
    ran = attnasr("models", "list", "--all", "--format", "json")
    rows = {row["name"]: row for row in json.loads(ran.out)}
    assert set(published()) | {"english-small"} == set(rows)
    assert len(json.loads(ran.out)) == len(rows)  # none twice
    assert rows["whisper-base"]["origin"] == "downloaded"
    canary = rows["canary-1b-v2"]
    assert (canary["origin"], canary["parameters"], canary["licence"]) == ("hub", 978, "CC-BY-4.0")
    assert (len(canary["languages"]), canary["published_wer"]) == (25, None)
    assert rows["moonshine-tiny"]["published_wer"] == "4.5/11.7"
    table = attnasr("models", "list", "--all")
    lines = {line.split()[0]: line.split() for line in table.out.splitlines()}
    assert lines["canary-1b-v2"][1:] == [
        "canary", "978", "M", "25", "languages", "CC-BY-4.0", "-", "hub",
    ]  # fmt: skip
    assert "test-clean/test-other" in table.err
    assert "canary-1b-v2" not in attnasr("models", "list").out
