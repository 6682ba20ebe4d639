"""The command line as a whole: exit codes, where things are printed, what is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from attnasr_cli import __version__
from attnasr_cli.app import main
from attnasr_cli.commands import COMMANDS
from attnasr_cli.errors import AttnasrError, UsageError

HEAVY = ("torch", "torchaudio", "transformers", "av", "numpy.testing", "sentencepiece")


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"attnasr {__version__}\n"
    assert main([]) == 2


def test_the_help_is_the_same_however_it_is_asked_for_and_names_every_global_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """``--help`` is printed without Typer; the group has the same text and no other options."""
    from attnasr_cli.commands.group import group

    main(["--help"])
    fast = capsys.readouterr().out
    whole = group(whole=True)
    assert whole.main(["--help"], prog_name="attnasr", standalone_mode=False) == 0
    assert capsys.readouterr().out == fast
    options = [flag for p in whole.params for flag in p.opts]
    assert {"--version", "--install-completion"} <= set(options)
    assert all(flag in fast for flag in options)


def test_a_group_without_a_command_shows_its_help_and_no_empty_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models"]) == 2
    captured = capsys.readouterr()
    assert "export" in captured.out + captured.err
    assert "error:" not in captured.err


def test_a_command_is_imported_when_it_is_asked_for() -> None:
    script = (
        "import sys\nfrom attnasr_cli.app import main\nmain(['doctor', '--help'])\n"
        "print('@', sorted(m.split('.')[2] for m in sys.modules if 'attnasr_cli.commands.' in m))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "@ ['doctor', 'group']", done.stderr


def test_a_wrong_command_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcibe"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "did you mean 'transcribe'" in captured.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_refuses_what_it_does_not_know(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    assert "--" in capsys.readouterr().out
    assert main([name, "--no-such-option"]) == 2
    captured = capsys.readouterr()
    assert "--no-such-option" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("problem", "code"),
    [(AttnasrError("a", "b"), 1), (UsageError("a", "b"), 2), (KeyboardInterrupt(), 130)],
)
def test_exit_codes(
    problem: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> int:
        raise problem

    monkeypatch.setattr("attnasr_cli.commands.group.run", fail)
    assert main(["models", "list"]) == code
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    if code in (1, 2):
        assert err == "error: a\nhint: b\n"
        assert main(["models", "list", "--debug"]) == code
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "code",
    [
        "import attnasr_cli",
        "from attnasr_cli.app import main; main(['--help'])",
        "from attnasr_cli.app import main; main(['models', 'list'])",
        "from attnasr_cli.app import main; main(['attend', '--help'])",
        "from attnasr_cli.app import main; main(['transcribe', '--help'])",
        "from attnasr_cli.app import main; main(['train', '--help'])",
        "from attnasr_cli.app import main; main(['score', '--help'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    script = f"{code}\nimport sys\nprint('@', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "@ []", done.stderr


def test_help_imports_nothing_but_itself() -> None:
    """The whole list is of the program; dataclasses, pathlib and their like took as long again."""
    code = "from attnasr_cli.app import main; main(['--help'])"
    script = (
        f"import sys; before = set(sys.modules)\n{code}\nprint('@', *set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert {name for name in loaded if name.startswith("attnasr_cli.")} <= {
        f"attnasr_cli.{name}"
        for name in ("app", "commands", "console", "errors", "interrupts", "process", "version")
    }
    assert not loaded & {"dataclasses", "pathlib", "inspect", "typer", "rich", "numpy"}
