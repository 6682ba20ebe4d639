"""Options come from the command line, the environment, two files, or their defaults."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from attnasr_cli.errors import UsageError
from attnasr_cli.families.moonshine.options import MoonshineOptions
from attnasr_cli.families.native.options import NativeOptions
from attnasr_cli.families.whisper.options import WhisperOptions
from attnasr_cli.output.cues import CueConfig
from attnasr_cli.recognize.reading import Reading
from attnasr_cli.transcribe.config import unknown_variables, user_file
from attnasr_cli.transcribe.options import OPTIONS, PREFIX, InputOptions, OutputOptions
from tests.conftest import Ran

KINDS = [NativeOptions, WhisperOptions, Reading, CueConfig, InputOptions, OutputOptions]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shown(attnasr: Callable[..., Ran], *args: str) -> str:
    """What ``--show-config`` says: option = value  # source."""
    ran = attnasr("transcribe", "--show-config", *args)
    assert ran.code == 0, ran.err
    return str(ran.out)


def sources(text: str) -> dict[str, str]:
    rows = [line.split("  # ") for line in text.splitlines() if "  # " in line]
    return {re.split(r"\W+", left.lstrip("# "))[0]: source for left, source in rows}


def test_the_first_source_wins(
    attnasr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file().parent.mkdir(parents=True, exist_ok=True)
    user_file().write_text("[transcribe]\nbeam = 1\nnbest = 1\npatience = 1.5\njobs = 7\n")
    Path("attnasr.toml").write_text("[transcribe]\nbeam = 2\nnbest = 2\npatience = 2\n")
    monkeypatch.setenv("ATTNASR_BEAM", "3")
    monkeypatch.setenv("ATTNASR_NBEST", "3")
    text = shown(attnasr, "--beam", "4")
    found, source = tomllib.loads(text)["transcribe"], sources(text)
    assert [found[n] for n in ("beam", "nbest", "patience", "jobs")] == [4, 3, 2.0, 7]
    assert source["beam"] == "command line"
    assert source["nbest"] == "ATTNASR_NBEST"
    assert source["patience"] == "attnasr.toml"
    assert source["jobs"] == str(user_file())
    assert source["model"] == "default"


def test_what_is_shown_is_a_configuration_file(attnasr: Callable[..., Ran]) -> None:
    given = ("--include", "*.wav", "--include", 'a"b', "--no-vad", "--batch", "12.5", "-f", "srt")
    text = shown(attnasr, *given)
    assert "# command line" in text
    table = tomllib.loads(text)["transcribe"]
    chosen = {"include": ["*.wav", 'a"b'], "vad": False, "batch": 12.5, "format": "srt"}
    assert chosen.items() <= table.items()
    Path("attnasr.toml").write_text(text)
    again = shown(attnasr)
    assert tomllib.loads(again)["transcribe"] == table
    assert sources(again)["vad"] == "attnasr.toml"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("[transcribe]\nbeem = 2\n", "unknown option 'beem'", "'beam'"),
        ("[transcribe]\nbeam = 'x'\n", "beam is 'x'", "a whole number"),
        ("[transcribe]\nbeam = true\n", "beam is True", "a whole number"),
        ("[transcribe]\nvad = 1\n", "vad is 1", "true or false"),
        ("[transcribe]\ninclude = [1]\n", "include", "a list of texts"),
        ("[transcribbe]\n", "unknown table", "[transcribe]"),
        ("transcribe = 3\n", "not a table", "[transcribe]"),
        ("nonsense", "attnasr.toml", "repair"),
        ("[transcribe]\nfrom_file = 'x'\n", "unknown option 'from_file'", ""),
    ],
)
@pytest.mark.parametrize("command", [("transcribe", "x.wav"), ("attend", "x.wav", "-o", "x.html")])
def test_wrong_files(
    attnasr: Callable[..., Ran], command: tuple[str, ...], content: str, message: str, hint: str
) -> None:
    Path("attnasr.toml").write_text(content)
    ran = attnasr(*command)
    assert ran.code == 2
    error, hinted = ran.err.strip().splitlines()
    assert message in error
    assert hint in hinted
    assert attnasr(command[0], "--help").code == 0  # with a wrong file, too


def test_the_environment(attnasr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"VAD": "off", "INCLUDE": "*.a b, *.c", "BATCH": "", "START": "1"}.items():
        monkeypatch.setenv(PREFIX + name, text)
    text = shown(attnasr)
    found = tomllib.loads(text)["transcribe"]
    assert found["vad"] is False
    assert found["include"] == ["*.a b", "*.c"]
    assert sources(text)["batch"] == "default"  # empty is not set
    monkeypatch.delenv("ATTNASR_START")
    monkeypatch.setenv("ATTNASR_BEEM", "1")
    ran = attnasr("transcribe")
    assert "warning: ATTNASR_BEEM is not an option; did you mean ATTNASR_BEAM?\n" in ran.err


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("BEAM", "x", "a whole number"),
        ("VAD", "maybe", "true or false"),
        ("BATCH", "x", "a number"),
    ],
)
def test_a_wrong_variable_is_named(
    attnasr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, name: str, text: str, hint: str
) -> None:
    monkeypatch.setenv(PREFIX + name, text)
    ran = attnasr("transcribe", "x.wav")
    assert ran.code == 2
    assert ran.err == f"error: {PREFIX}{name} is {text!r}\nhint: it takes {hint}\n"
    assert f"--{name.lower()}" in attnasr("transcribe", f"--{name.lower()}=x").err


def test_attend_takes_the_same_defaults(
    attnasr: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What ``models default`` chose, too."""
    asked: list[tuple[str, str, object]] = []

    def load(model: str, device: str, dtype: str, **options: object) -> None:
        asked.append((model, dtype, options["beam"]))
        raise UsageError("enough", "")

    monkeypatch.setattr("attnasr_cli.recognize.recognizer.load", load)
    assert attnasr("models", "default", "whisper-tiny").code == 0
    monkeypatch.setenv("ATTNASR_DTYPE", "float32")
    Path("attnasr.toml").write_text('[transcribe]\nbeam = 3\nformat = "srt"\n')
    attnasr("attend", "x.wav", "-o", "x.html")
    attnasr("attend", "x.wav", "-o", "x.html", "-m", "own", "--beam", "1")
    assert asked == [("whisper-tiny", "float32", 3), ("own", "float32", 1)]


def test_no_variable_that_is_documented_is_warned_about() -> None:
    root = Path(__file__).parents[2]
    texts = [p.read_text(encoding="utf-8") for p in (root / "README.md", *root.glob("docs/*.md"))]
    texts += [p.read_text(encoding="utf-8") for p in root.glob("attnasr_cli/**/*.py")]
    named = set(re.findall(r"(?<!_)\bATTNASR_[A-Z]+(?:_[A-Z]+)*\b", "\n".join(texts)))
    assert {"ATTNASR_CACHE", "ATTNASR_MODELS"} <= named
    assert unknown_variables(dict.fromkeys(named, "1")) == []


@pytest.mark.parametrize("kind", [*KINDS, MoonshineOptions])
def test_every_field_is_an_option_with_a_sentence(kind: type) -> None:
    offered = {option.name: option for option in OPTIONS}
    assert len(offered) == len(OPTIONS)
    for field in dataclasses.fields(kind):
        option = offered[field.name]
        assert option.help
        assert option.kind in (str, int, float, bool, list)
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
