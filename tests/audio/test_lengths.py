"""All of a recording is read: a length that is estimated or stated is no fact."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
import torch

from attnasr_cli.audio import load as audio
from attnasr_cli.errors import AudioError
from tests.recordings import BARE, Sound, film, join, pitches, read, seconds, sound_file, tone


def quiet_then_tone(quiet_s: float, rate: int = 44_100) -> Sound:
    silent = torch.zeros(int(quiet_s * rate)).numpy()
    samples = torch.cat([torch.from_numpy(silent), torch.from_numpy(tone(4.0, rate))])
    return Sound("aac", rate=rate, samples=samples.numpy()[:, None])


def test_variable_rate_without_a_header(tmp_path: Path) -> None:
    """What FFmpeg and libsndfile estimate from the first frames is far off here."""
    for quiet_s in (0.0, 4.0):
        sound = quiet_then_tone(quiet_s)
        sound.codec, sound.codec_options = "libmp3lame", {"q": "5"}
        path = film(tmp_path / "a.mp3", [sound], options=BARE)
        assert seconds(path) == pytest.approx(quiet_s + 4, abs=0.1)


def test_adts_that_begins_with_silence(tmp_path: Path) -> None:
    path = film(tmp_path / "a.aac", [quiet_then_tone(20.0)])
    assert audio.probe(path).duration_s != pytest.approx(24.0, abs=5)  # so estimated
    assert seconds(path) == pytest.approx(24.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "codec", "picture"),
    [
        ("a.mkv", "aac", "mpeg4"),
        ("a.webm", "libopus", "libvpx"),
        ("a.flv", "aac", "flv1"),
        ("a.wmv", "wmav2", "wmv2"),
        ("a.mp4", "aac", "mpeg4"),
        ("a.avi", "libmp3lame", "mpeg4"),
        ("a.mov", "alac", "mpeg4"),
        ("a.ts", "mp2", "mpeg2video"),
    ],
)
def test_sound_that_ends_before_the_picture(
    tmp_path: Path, name: str, codec: str, picture: str
) -> None:
    sound = Sound(codec, 3, 48_000 if codec in ("libopus", "mp2") else 44_100, bit_rate=128_000)
    samples, warnings = read(film(tmp_path / name, [sound], 9.0, picture))
    assert samples.shape[0] / 16_000 == pytest.approx(3.0, abs=0.1)
    assert warnings == []


def test_sound_that_begins_after_the_picture(tmp_path: Path) -> None:
    samples, _ = read(film(tmp_path / "a.mkv", [Sound("aac", 3, start_s=2.0)], 9.0))
    assert samples.shape[0] / 16_000 == pytest.approx(5.0, abs=0.1)
    assert float(samples[:31_000].abs().max()) == 0.0
    assert pitches(samples, (2.5, 4.5)) == [440]


def test_flac_that_was_written_into_a_pipe(tmp_path: Path) -> None:
    """Its header counts no samples."""
    content = bytearray(sound_file(tmp_path / "a.flac", 9.7).read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    assert seconds(tmp_path / "a.flac") == 9.7
    assert seconds(join(tmp_path / "b.flac", *[tmp_path / "a.flac"] * 2)) == 19.4
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="damaged or cut off"):
        audio.load(tmp_path / "a.flac")


class Pipe(io.RawIOBase):
    """An output that cannot seek, as a browser's MediaRecorder and a pipe write."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.content += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def streamed(path: Path, sound: Sound, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A WebM without a size and a duration."""
    pipe, opened = Pipe(), av.open
    with monkeypatch.context() as patch:
        patch.setattr(av, "open", lambda _, mode, **rest: opened(pipe, mode, **rest))
        film(path, [sound], container="webm", options={"live": "1"})
    path.write_bytes(pipe.content)
    return path


def test_webm_of_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = streamed(tmp_path / "1.webm", Sound("libopus", 3, 48_000), monkeypatch)
    assert audio.probe(one).duration_s is None
    assert seconds(one) == pytest.approx(3.0, abs=0.05)
    two = streamed(tmp_path / "2.webm", Sound("libopus", 4, 48_000, 2, 880), monkeypatch)
    samples, _ = read(join(tmp_path / "a.webm", one, two))
    assert pitches(samples, (0.5, 2.5), (3.5, 6.5)) == [440, 880]


def xing(path: Path, frames: int) -> Path:
    """The same MP3, whose header promises another number of frames."""
    content = bytearray(path.read_bytes())
    place = content.index(b"Info") if b"Info" in content else content.index(b"Xing")
    content[place + 8 : place + 12] = frames.to_bytes(4, "big")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("frames", "warned"), [(10, False), (1_000, True)])
def test_an_mp3_header_that_lies(tmp_path: Path, frames: int, warned: bool) -> None:
    path = xing(film(tmp_path / "a.mp3", [Sound("libmp3lame", 3)]), frames)
    samples, warnings = read(path)
    assert samples.shape[0] / 16_000 == pytest.approx(3.0, abs=0.1)
    assert [("promises 26.1 s, 3.0 s are there" in text) for text in warnings] == [True] * warned


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [("a.ts", "aac", None), ("a.aac", "aac", None), ("a.amr", "libopencore_amrnb", "amr")],
)
def test_a_capture_of_another_format(
    tmp_path: Path, name: str, codec: str, container: str | None
) -> None:
    rate = 8_000 if codec.endswith("nb") else 44_100
    sound = Sound(codec, 6, rate, bit_rate=12_200)
    whole = film(tmp_path / name, [sound], container=container).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3 + 5])
    samples, warnings = read(tmp_path / name)
    assert samples.shape[0] / 16_000 == pytest.approx(4.0, abs=0.3)
    assert all("in the middle of a frame" in text for text in warnings)


def test_a_capture_that_begins_and_ends_in_a_frame(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp3", [Sound("libmp3lame", 5)], options=BARE).read_bytes()
    (tmp_path / "a.mp3").write_bytes(whole[1_000:-100])
    samples, warnings = read(tmp_path / "a.mp3")
    assert samples.shape[0] / 16_000 == pytest.approx(4.9, abs=0.15)
    assert ["begins or ends in the middle of a frame" in text for text in warnings] == [True]


def test_a_length_that_cannot_be_is_none(tmp_path: Path) -> None:
    """What a progress bar would show for years."""
    path = xing(film(tmp_path / "a.mp3", [Sound("libmp3lame", 3)]), 2**32 - 1)
    assert audio.probe(path).duration_s is None
