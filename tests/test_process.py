"""How the program's process ends: at once, and with nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BEGIN = "import atexit, sys, threading, weakref\nfrom attnasr_cli import app\n"
THING = """
class Thing:
    def __del__(self): print("taken apart")
kept = Thing()
atexit.register(print, "tidied")
"""


def ran(body: str, *, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """The program with ``body`` in the place of a command."""
    code = f"{BEGIN}{THING}\ndef main():\n{body}\napp.main = main\napp.run()\n"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.parametrize("code", [0, 1, 130])
def test_output_exit_code_and_what_is_registered_come_through(code: int) -> None:
    """And memory is not taken apart, which Python does at its own end."""
    done = ran(f"    sys.stdout.write('half a line')\n    return {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "half a linetidied\n", "")


def test_a_thread_that_still_works_is_waited_for() -> None:
    late = "lambda: (threading.main_thread().join(), print('later'))"
    done = ran(f"    threading.Thread(target={late}).start()\n    return 3")
    assert done.returncode == 3
    assert done.stdout.splitlines()[:2] == ["later", "tidied"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_no_success() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = ran("    print('lost')\n    return 0", stdout=full)
    finally:
        os.close(full)
    assert done.returncode != 0
    assert "No space left" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="of GNU's C library")
@pytest.mark.parametrize(("chosen", "cores", "heaps"), [("", 2, 1), ("", 64, 2), ("8", 2, 2)])
def test_threads_share_a_heap_on_few_cores_unless_the_user_chose(
    chosen: str, cores: int, heaps: int
) -> None:
    """As the C library itself counts them, with a thread that has taken memory."""
    code = f"""
import ctypes, os, sys, threading
os.cpu_count = lambda: {cores}
from attnasr_cli.process import share_one_heap
share_one_heap()
libc = ctypes.CDLL(None)
if not hasattr(libc, "malloc_info"):
    sys.exit("another C library")
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
thread = threading.Thread(target=libc.malloc, args=(1000,))
thread.start(); thread.join()
file = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, file); libc.fclose(file)
"""
    env = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"}
    env |= {"MALLOC_ARENA_MAX": chosen} if chosen else {}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    if "another C library" in done.stderr:
        pytest.skip("no malloc_info")
    assert done.stdout.count("<heap nr=") == heaps, done.stderr
