"""Ctrl-C at any moment of the start: exit code 130, and one line, whatever was being imported."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAID = "error: interrupted\n"

AT_IMPORT = """
import os, signal, sys

class At:
    def find_spec(self, name, *rest):
        if name == sys.argv[-1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, At())
from attnasr_cli.app import run
sys.argv[1:-1], moment = sys.argv[1:-1], sys.argv[-1]
main = sys.modules["attnasr_cli.app"].main
sys.modules["attnasr_cli.app"].main = lambda: main(sys.argv[1:-1])
run()
"""
"""The program, interrupted where the module that its last argument names is looked for."""

SCORE = ["score", "examples/references.tsv", "examples/hypotheses.tsv"]
TRANSCRIBE = ["transcribe", "examples/sample.flac"]
TRAIN = ["train", "tiny", "--train", "examples", "-o", "nowhere"]


def ran(code: str, *args: str, before: str = "") -> subprocess.CompletedProcess[str]:
    line = f'{before} exec "$@"'
    return subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize(
    ("args", "module"),
    [
        (["models", "list"], "typer"),
        (["models", "list"], "attnasr_cli.checkpoint.registry"),
        (SCORE, "attnasr_cli.scoring"),
        (SCORE, "numpy._core.overrides"),
        (TRANSCRIBE, "attnasr_cli.commands.transcribe"),
        (TRANSCRIBE, "numpy.exceptions"),
        (TRANSCRIBE, "numpy._core._multiarray_umath"),
        (TRANSCRIBE, "torch.nn"),
        (TRAIN, "torch._jit_internal"),
    ],
)
def test_an_interrupt_while_a_module_is_imported(args: list[str], module: str) -> None:
    done = ran(AT_IMPORT, *args, module)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", SAID)


WITH_MAIN = """
import os, signal, sys, weakref
from attnasr_cli import app
def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)
class Thing: pass
def main():
    return app._guard(work, False)
app.main = main
"""


def test_an_interrupt_in_a_callback_that_cannot_raise_is_not_lost() -> None:
    work = """
def work():
    thing = Thing()
    kept = weakref.ref(thing, interrupt)
    del thing
    while True:
        pass
app.run()
"""
    done = ran(WITH_MAIN + work)
    assert (done.returncode, done.stderr) == (130, SAID)


def test_a_second_one_does_not_wait_for_the_import(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(
        "from __main__ import interrupt\ninterrupt()\ninterrupt()\nwhile True:\n    pass\n"
    )
    done = ran(
        WITH_MAIN + "def work():\n    import endless\nsys.path.append(sys.argv[1])\napp.run()",
        str(tmp_path),
    )
    assert (done.returncode, done.stderr) == (130, SAID)


def test_what_fails_of_an_interrupt_is_no_error_of_its_own() -> None:
    work = """
def work():
    try:
        interrupt()
    except KeyboardInterrupt:
        raise ValueError("half made")
app.run()
"""
    done = ran(WITH_MAIN + work)
    assert (done.returncode, done.stderr) == (130, SAID)


@pytest.mark.parametrize("quiet", [False, True])
def test_who_was_told_how_far_it_came_is_not_told_again(quiet: bool) -> None:
    work = f"""
from attnasr_cli import console
def work():
    console.set_quiet({quiet})
    console.stopped("stopped after 3")
    interrupt()
app.run()
"""
    done = ran(WITH_MAIN + work)
    assert (done.returncode, done.stderr) == (130, SAID if quiet else "stopped after 3\n")


def test_one_that_is_ignored_stays_ignored() -> None:
    done = ran(AT_IMPORT, "models", "list", "typer", before="trap '' INT;")
    assert (done.returncode, done.stderr) == (0, "")
    assert "english-small" in done.stdout


def test_an_interrupt_after_the_end_says_nothing() -> None:
    work = "import atexit\natexit.register(interrupt)\ndef work():\n    pass\napp.run()\n"
    done = ran(WITH_MAIN + work)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
