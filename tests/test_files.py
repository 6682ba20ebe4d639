"""Files as a whole or not at all, and locks."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from attnasr_cli import files
from attnasr_cli.errors import OutputError


def test_the_longest_name_that_a_disk_takes(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125 + ".json")  # 255 bytes
    files.write_bytes(path, b"1")
    assert path.read_bytes() == b"1"
    assert os.listdir(tmp_path) == [path.name]
    with pytest.raises(OutputError, match="too long"):
        files.write_bytes(tmp_path / ("x" * 256), b"1")


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_mode_is_what_the_umask_leaves(tmp_path: Path, mask: int) -> None:
    program = (
        f"import os, pathlib; os.umask({mask}); from attnasr_cli import files; "
        f"files.write_bytes(pathlib.Path({str(tmp_path / 'a')!r}), b'1')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


def test_an_error_inside_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with contextlib.suppress(KeyError), files.replacing(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename from one to another is refused by the system: it is copied, and then renamed."""
    (tmp_path / "tmp").mkdir()
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with files.replacing(tmp_path / "a", tmp_path / "tmp") as file:
        file.write(b"1")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "tmp"]


def test_a_device_stays_a_device(tmp_path: Path) -> None:
    files.write_text(Path(os.devnull), "x")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_lock_names_its_owner_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    program = (
        "import sys, pathlib; from attnasr_cli.files import Lock; "
        f"lock = Lock(pathlib.Path({str(path)!r}), 'is here', 'wait'); "
        "print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    for _ in range(2):  # asking does not forget who it is
        with pytest.raises(OutputError, match=rf"another attnasr \(process {child.pid}\) is here"):
            files.Lock(path, "is here", "wait")
    child.kill()
    child.wait()
    with files.Lock(path, "is here", "wait"):
        pass


def test_a_folder_comes_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"

    def stopped() -> None:
        with files.replacing_folder(path) as part:
            (part / "1").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert list(path.parent.iterdir()) == []
    with files.replacing_folder(path) as part:
        (part / "1").write_text("x")
        assert not path.exists()
    with pytest.raises(OSError, match="not empty"), files.replacing_folder(path):
        pass
    assert [p.name for p in path.parent.rglob("*")] == ["b", "1"]
