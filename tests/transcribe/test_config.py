"""Options come from the command line, the environment, two files, or their defaults."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from attnasr_cli.errors import UsageError
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.recognize.reading import Reading
from attnasr_cli.transcribe.config import PREFIX, resolve, show, user_file
from attnasr_cli.transcribe.options import OPTIONS


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_first_source_wins(tmp_path: Path) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text("[transcribe]\nbeam = 1\nnbest = 1\npatience = 1.5\njobs = 7\n")
    Path("attnasr.toml").write_text("[transcribe]\nbeam = 2\nnbest = 2\npatience = 2\n")
    config = resolve({"beam": 4}, environment={"ATTNASR_BEAM": "3", "ATTNASR_NBEST": "3"})
    assert [config[n] for n in ("beam", "nbest", "patience", "jobs")] == [4, 3, 2.0, 7]
    assert config.sources["beam"] == "command line"
    assert config.sources["nbest"] == "ATTNASR_NBEST"
    assert config.sources["patience"] == "attnasr.toml"
    assert config.sources["jobs"] == str(user_file())
    assert config.sources["model"] == "default"


def test_what_is_shown_is_a_configuration_file(tmp_path: Path) -> None:
    given = {"include": ["*.wav", 'a"b'], "vad": False, "batch": 12.5, "format": "txt,srt"}
    shown = show(resolve(given, environment={}))
    assert "# command line" in shown
    table = tomllib.loads(shown)["transcribe"]
    assert given.items() <= table.items()
    Path("attnasr.toml").write_text(shown)
    again = resolve({}, environment={})
    assert all(again[name] == value for name, value in given.items())


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("[transcribe]\nbeem = 2\n", "unknown option 'beem'", "'beam'"),
        ("[transcribe]\nbeam = 'x'\n", "beam is 'x'", "a whole number"),
        ("[transcribe]\nbeam = true\n", "beam is True", "a whole number"),
        ("[transcribe]\ninclude = [1]\n", "include", "a list of texts"),
        ("[transcribbe]\n", "unknown table", "[transcribe]"),
        ("transcribe = 3\n", "not a table", "[transcribe]"),
        ("nonsense", "attnasr.toml", "repair"),
        ("[transcribe]\nfrom_file = 'x'\n", "unknown option 'from_file'", ""),
    ],
)
def test_wrong_files(content: str, message: str, hint: str) -> None:
    Path("attnasr.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        resolve({}, environment={})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_environment() -> None:
    found = resolve(
        {}, environment={"ATTNASR_VAD": "off", "ATTNASR_INCLUDE": "*.a, *.b", "ATTNASR_BEEM": "1"}
    )
    assert found["vad"] is False
    assert found["include"] == ["*.a", "*.b"]
    assert found.warnings == ["ATTNASR_BEEM is no option; did you mean ATTNASR_BEAM?"]
    for variable, text in (("ATTNASR_BEAM", "x"), ("ATTNASR_VAD", "maybe")):
        with pytest.raises(UsageError, match=variable):
            resolve({}, environment={variable: text})


def test_no_variable_that_is_documented_is_warned_about() -> None:
    root = Path(__file__).parents[2]
    texts = [p.read_text(encoding="utf-8") for p in (root / "README.md", *root.glob("docs/*.md"))]
    texts += [p.read_text(encoding="utf-8") for p in root.glob("attnasr_cli/**/*.py")]
    named = set(re.findall(r"(?<!_)\bATTNASR_[A-Z]+(?:_[A-Z]+)*\b", "\n".join(texts)))
    assert {"ATTNASR_CACHE", "ATTNASR_MODELS"} <= named
    kinds = {PREFIX + option.name.upper(): option.kind for option in OPTIONS}
    environment = {name: "1" if kinds.get(name) is not bool else "true" for name in named}
    assert resolve({}, environment=environment).warnings == []


@pytest.mark.parametrize("kind", [NativeOptions, WhisperOptions, Reading, CueConfig])
def test_every_field_is_an_option_with_a_sentence(kind: type) -> None:
    offered = {option.name: option for option in OPTIONS}
    assert len(offered) == len(OPTIONS)
    for field in dataclasses.fields(kind):
        option = offered[field.name]
        assert option.help
        assert option.kind in (str, int, float, bool)
        assert option.decoder or option.default == field.default


def test_the_options_of_a_family_of_a_package_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it says no more than name and type."""
    from attnasr_cli.transcribe import options

    @dataclasses.dataclass(frozen=True)
    class Own:
        beam: int | None = None
        depth: float | None = None
        lively: bool = False

    class Family:
        name = "own"
        Options = Own

    real = options.families()
    monkeypatch.setattr(options, "families", lambda: (*real, Family()))
    offered = {option.name: option for option in options._decoders()}
    assert (offered["depth"].kind, offered["depth"].panel) == (float, "Own")
    assert offered["lively"].kind is bool
    assert offered["beam"].panel == "Decoding"
