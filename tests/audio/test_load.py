"""Every recording gives the same mono 16 kHz samples, whole or in blocks; bad ones say why."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnasr_cli.audio import load as audio
from attnasr_cli.audio.resample import StreamResampler, resample
from attnasr_cli.errors import AudioError
from tests.recordings import Sound, film, join, pitch_hz, tone


def encode(path: Path, codec: str, rate: int, seconds: float = 2.0, bit_rate: int = 0) -> Path:
    """Write a tone with one of FFmpeg's encoders."""
    return film(path, [Sound(codec, seconds, rate, bit_rate=bit_rate)])


def blocks(path: Path, block_s: float = 30.0, end_s: float | None = None) -> list[torch.Tensor]:
    with audio.Recording(path, end_s=end_s) as recording:
        return list(recording.blocks(block_s))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 44_101])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channel_count(tmp_path: Path, rate: int, channels: int) -> None:
    samples = np.stack([tone(2.0, rate)] * channels, 1)
    soundfile.write(tmp_path / "a.wav", samples, rate)
    loaded = audio.load(tmp_path / "a.wav")
    assert loaded.dtype == torch.float32
    assert abs(loaded.shape[0] - 32_000) <= 2
    assert pitch_hz(loaded) == pytest.approx(440, abs=1)
    assert float(loaded.abs().max()) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    "name", ["a.flac", "a.ogg", "a.mp3", "a.aiff", "a.au", "a.w64", "a.caf", "a.opus"]
)
def test_libsndfile_formats(tmp_path: Path, name: str) -> None:
    kind = {"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}
    soundfile.write(tmp_path / name, tone(), 16_000, **kind)
    loaded = audio.load(tmp_path / name)
    assert abs(loaded.shape[0] - 32_000) <= 1_200
    assert pitch_hz(loaded) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.m4a", "aac", 44_100),
        ("a.aac", "aac", 16_000),
        ("a.mp4", "aac", 48_000),
        ("a.mov", "alac", 44_100),
        ("a.mkv", "ac3", 48_000),
        ("a.webm", "libopus", 48_000),
        ("a.wma", "wmav2", 44_100),
    ],
)
def test_formats_of_ffmpeg(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    bit_rate = 128_000 if codec == "wmav2" else 0
    loaded = audio.load(encode(tmp_path / name, codec, rate, bit_rate=bit_rate))
    assert abs(loaded.shape[0] - 32_000) <= 3_200
    assert pitch_hz(loaded) == pytest.approx(440, abs=2)
    probe = audio.probe(tmp_path / name)
    assert probe.rate_hz == rate
    assert probe.duration_s == pytest.approx(2.0, abs=0.2)


def test_amr(tmp_path: Path) -> None:
    """AMR, as telephones write it: frames of silence, built by hand as there is no encoder."""
    frame = bytes([0x3C]) + bytes(31)  # mode 7, 20 ms
    (tmp_path / "a.amr").write_bytes(b"#!AMR\n" + frame * 100)
    assert abs(audio.load(tmp_path / "a.amr").shape[0] - 32_000) <= 320


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000, 44_101, 7_350]),
    sizes=st.lists(st.integers(0, 9_000), min_size=1, max_size=8),
)
def test_resampling_in_blocks_equals_resampling_the_whole(rate: int, sizes: list[int]) -> None:
    samples = torch.randn(sum(sizes), generator=torch.Generator().manual_seed(0))
    stream = StreamResampler(rate)
    parts = [stream.push(part) for part in torch.split(samples, sizes)] + [stream.finish()]
    joined = torch.cat(parts)
    whole = resample(samples, rate) if samples.shape[0] else samples
    assert joined.shape == whole.shape
    assert torch.allclose(joined, whole, atol=1e-5)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_blocks_and_cuts_equal_the_whole(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.flac", tone(5.0, rate), rate)
    whole = audio.load(tmp_path / "a.flac")
    parts = blocks(tmp_path / "a.flac", block_s=0.37)
    assert {part.shape[0] for part in parts[:-1]} == {round(0.37 * 16_000)}
    assert torch.allclose(torch.cat(parts), whole, atol=1e-6)
    cut = audio.load(tmp_path / "a.flac", start_s=1.234, end_s=3.5)
    assert torch.allclose(cut, whole[round(1.234 * 16_000) : 56_000], atol=1e-6)


def test_cut_in_a_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", "ac3", 48_000, 4.0)
    whole = audio.load(path)
    cut = audio.load(path, start_s=1.5, end_s=2.5)
    assert torch.allclose(cut, whole[24_000:40_000], atol=1e-6)


def test_channels(tmp_path: Path) -> None:
    left, right = tone(), 0.5 * tone()
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 16_000, subtype="FLOAT")
    assert torch.equal(audio.load(tmp_path / "a.wav", channel=1), torch.from_numpy(left))
    assert torch.equal(audio.load(tmp_path / "a.wav", channel=2), torch.from_numpy(right))
    mixed = audio.load(tmp_path / "a.wav")
    assert torch.allclose(mixed, torch.from_numpy(0.75 * left), atol=1e-6)
    with pytest.raises(AudioError, match="no channel 3"):
        audio.load(tmp_path / "a.wav", channel=3)


def test_a_hole_in_a_stream_becomes_silence(tmp_path: Path) -> None:
    """Packets that are missing from a container do not shift what follows."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start in (0, 48_000):  # one second of sound at 0 s and at 3 s
            samples = (tone(1.0) * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    loaded = audio.load(path)
    assert loaded.shape[0] == pytest.approx(64_000, abs=100)
    assert float(loaded[17_000:47_000].abs().max()) == 0.0
    assert float(loaded[48_500:].abs().max()) > 0.25


def test_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.flac", tone(), 16_000)
    expected = audio.load(tmp_path / "a.flac")
    data = io.BytesIO((tmp_path / "a.flac").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    assert torch.equal(audio.load("-"), expected)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(AudioError, match="stdin is empty"):
        audio.load("-")


def test_bad_recordings(tmp_path: Path) -> None:
    def complaint(name: str, **options: object) -> str:
        with pytest.raises(AudioError) as caught:
            audio.load(tmp_path / name, **options)
        assert caught.value.hint
        assert "\n" not in caught.value.message
        return caught.value.message

    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("these are words\n" * 99)
    (tmp_path / "folder.wav").mkdir()
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), 16_000)
    soundfile.write(tmp_path / "one.wav", np.zeros(1, np.float32), 16_000)
    sick = tone()
    sick[16_000] = np.nan
    soundfile.write(tmp_path / "nan.wav", sick, 16_000, subtype="FLOAT")
    soundfile.write(tmp_path / "good.wav", tone(), 16_000)

    assert "no file" in complaint("missing.wav")
    assert "is empty" in complaint("empty.wav")
    assert "not a recording" in complaint("text.wav")
    assert "is a folder" in complaint("folder.wav")
    assert "no samples" in complaint("none.wav")
    assert "only 0.1 ms" in complaint("one.wav")
    assert "NaN or infinite samples at 1.00 s" in complaint("nan.wav")
    assert "ends before the start" in complaint("good.wav", start_s=9.0)
    assert "not after" in complaint("good.wav", start_s=1.0, end_s=1.0)
    with pytest.raises(AudioError) as caught:
        audio.load(tmp_path / "god.wav")
    assert "good.wav" in caught.value.hint


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.wav"])
@pytest.mark.parametrize("damage", ["cut", "hole"])
def test_damage_is_an_error_that_salvage_overcomes(tmp_path: Path, name: str, damage: str) -> None:
    soundfile.write(tmp_path / name, tone(5.0), 16_000)
    data = bytearray((tmp_path / name).read_bytes())
    middle = len(data) // 2
    if damage == "cut":
        data = data[:middle]
    elif name == "a.wav":
        pytest.skip("a WAV has no redundancy that could show a hole")
    else:
        data[middle : middle + len(data) // 20] = os.urandom(len(data) // 20)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AudioError, match=r"damaged|cut off") as caught:
        audio.load(tmp_path / name)
    assert "--salvage" in caught.value.hint
    assert audio.load(tmp_path / name, salvage=True).shape[0] > 32_000


def grown_mb(path: Path) -> tuple[float, int]:
    """Memory that reading a recording takes beside what its first seconds took, in a process of its
    own, whose high-water mark nothing else has raised; and the samples."""
    program = (
        "import resource, sys; from attnasr_cli.audio.load import Recording\n"
        "def read(end_s=None):\n"
        "    with Recording(sys.argv[1], end_s=end_s) as recording:\n"
        "        return sum(block.shape[0] for block in recording.blocks())\n"
        "def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "read(60); before = most(); total = read(); print(most() - before, total)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    kilobytes, total = map(int, ran.stdout.split())
    return kilobytes / 1024, total


@pytest.mark.parametrize("name", ["long.flac", "long.mp3"])
def test_memory_is_flat(tmp_path: Path, name: str) -> None:
    """Twenty minutes of stereo at 44.1 kHz pass in blocks without ever being held."""
    second = np.repeat(tone(1.0, 44_100)[:, None], 2, 1)
    minutes = 20 if name == "long.flac" else 1  # to encode MP3 takes its time
    with soundfile.SoundFile(tmp_path / name, "w", 44_100, 2) as file:
        for _ in range(60 * minutes):
            file.write(second)
    join(tmp_path / name, *[tmp_path / name] * (20 // minutes))
    grown, total = grown_mb(tmp_path / name)
    assert total == pytest.approx(1_200 * 16_000, abs=32_000)
    assert grown < 40  # the samples are 73 MB, the file's 400 MB


def test_a_long_silence_is_never_held(tmp_path: Path) -> None:
    """Fifty minutes without packets, as where a camera was paused."""
    parts = [Sound("pcm_s16le", 61.0, 16_000), Sound("pcm_s16le", 1.0, 16_000, start_s=3_000.0)]
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for sound in parts:
            samples = (tone(sound.seconds) * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, int(sound.start_s * 16_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    grown, total = grown_mb(path)
    assert total == pytest.approx(3_001 * 16_000, abs=1_000)
    assert grown < 40  # the samples are 183 MB


def test_a_probe_reads_headers_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of large files is measured in the background: that must not read them all."""
    read_bytes = 0
    pread = os.pread

    def counted(file: int, count: int, offset: int) -> bytes:
        nonlocal read_bytes
        found = pread(file, count, offset)
        read_bytes += len(found)
        return found

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 60 * 16_000)
    for name in ("a.flac", "a.mp3", "a.ogg", "a.wav"):
        with soundfile.SoundFile(tmp_path / name, "w", 16_000, 1) as file:
            for start in range(0, noise.size, 4_096):
                file.write(noise[start : start + 4_096])
        monkeypatch.setattr(os, "pread", counted)
        assert audio.probe(tmp_path / name).duration_s == pytest.approx(60.0, abs=0.1)
        monkeypatch.setattr(os, "pread", pread)
    assert read_bytes < 300_000  # of 3.5 MB
