"""Tar shards as webdataset has them: the same training as from files."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from attnasr_cli.app import main
from attnasr_cli.audio.load import load, probe
from attnasr_cli.errors import AudioError, DataError
from attnasr_cli.training.formats.read import read_data

SHARDS = 3


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def shards(tones: Path, tmp_path: Path) -> Path:
    """The training tones in three tars."""
    folder = tmp_path / "shards"
    folder.mkdir()
    with (tones / "train.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for n in range(SHARDS):
        files: dict[str, bytes] = {}
        for row in rows[n::SHARDS]:
            files[f"{row['id']}.wav"] = (tones / row["path"]).read_bytes()
            files[f"{row['id']}.txt"] = row["text"].encode() + b"\n"
        pack(folder / f"tones-{n:03d}.tar", files)
    return folder


@pytest.mark.parametrize("cache", ["features", "audio", "none"])
def test_shards_train_as_files_do(
    train: Callable[..., int], shards: Path, tmp_path: Path, cache: str
) -> None:
    changes = ("optim.updates=3", "run.evaluate=3", f"data.cache={cache}")
    tars = shards / f"tones-{{000..{SHARDS - 1:03d}}}.tar"
    assert train(*changes, out="files") == 0
    assert train(*changes, out="tars", data=tars) == 0
    weights = [(tmp_path / out / "weights.safetensors").read_bytes() for out in ("files", "tars")]
    assert weights[0] == weights[1]


def test_a_shard_that_is_written_again_is_read_again(
    train: Callable[..., int], shards: Path, tones: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ("optim.updates=1", "run.evaluate=1")
    cache = ("--cache", str(shards / "cache"))
    assert train(*changes, data=shards, options=cache) == 0
    assert "features, speed 1: 40 of 40" in capsys.readouterr().err
    assert train(*changes, out="again", data=shards, options=cache) == 0
    assert "features" not in capsys.readouterr().err
    content = (tones / "train1.wav").read_bytes()
    pack(shards / "tones-000.tar", {"train0.wav": content, "train0.txt": b"ab"})
    assert train(*changes, out="third", data=shards, options=cache) == 0
    assert "features, speed 1: 1 of 1" in capsys.readouterr().err


def test_texts_and_speakers_are_beside_the_recordings(tmp_path: Path) -> None:
    pack(tmp_path / "b.tar", {
        "./x/1.flac": b"f", "./x/1.json": json.dumps({"text": "good  day", "speaker": 7}).encode(),
        "x/2.WAV": b"w", "x/2.txt": "grüße\n".encode(), "x/2.json": b"{}",
        "x/2.duration.txt": b"1.5", "x/3.txt": b"no sound",
    })  # fmt: skip
    pack(tmp_path / "a.tar", {"x/1.mp3": b"m", "x/1.json": b'{"transcript": "again"}'})
    found = read_data(tmp_path)
    assert [(u.id, u.text, u.speaker) for u in found] == [
        ("a.tar/x/1", "again", ""), ("b.tar/x/1", "good day", "7"), ("b.tar/x/2", "grüße", ""),
    ]  # fmt: skip
    assert found[1].path == tmp_path / "b.tar" / "x" / "1.flac"


def test_a_member_is_a_recording_like_any_other(shards: Path, tones: Path) -> None:
    inside = shards / "tones-001.tar" / "train1.wav"
    assert load(inside).equal(load(tones / "train1.wav"))
    assert probe(inside).duration_s == probe(tones / "train1.wav").duration_s
    with pytest.raises(AudioError, match=r"no train0\.wav in .*tones-001\.tar"):
        load(inside.with_name("train0.wav"))


def cut_off(path: Path) -> Path:
    pack(path, {"1.wav": bytes(5000), "1.txt": b"a"})
    path.write_bytes(path.read_bytes()[:3000])
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


BROKEN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "cut off": (lambda p: cut_off(p / "a.tar"), r"a\.tar is no tar, or damaged or cut off"),
    "no tar": (lambda p: written(p / "a.tar", b"x" * 2000), r"a\.tar is no tar"),
    "compressed": (lambda p: written(p / "a.tar.gz", b"x"), r"a\.tar\.gz is compressed"),
    "no text": (lambda p: pack(p / "a.tar", {"1.wav": b""}), r"a\.tar/1\.wav has no text"),
    "a number": (
        lambda p: pack(p / "a.tar", {"1.wav": b"", "1.json": b'{"text": 5}'}), "has no text",
    ),
    "no JSON": (lambda p: pack(p / "a.tar", {"1.wav": b"", "1.json": b"{"}), r"a\.tar/1\.json: "),
    "a list": (lambda p: pack(p / "a.tar", {"1.wav": b"", "1.json": b"[]"}), "is no object"),
    "Latin-1": (lambda p: pack(p / "a.tar", {"1.wav": b"", "1.txt": b"\xe9"}), "is not UTF-8"),
    "a gap": (lambda p: pack(p / "a-0.tar", {}).with_name("a-{0..1}.tar"), r"data: .*a-1\.tar"),
    "nothing": (lambda p: pack(p / "a.tar", {"1.txt": b"a"}), "no utterances in .*tar shards"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_shard_is_named(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    make, why = BROKEN[name]
    path = make(tmp_path)
    with pytest.raises(DataError, match=why):
        read_data(path)
    assert main(["train", str(recipe), "--check", "--train", str(path)]) == 1
    assert "Traceback" not in capsys.readouterr().err
