"""Headers that are off by a little are read over; a real cut is an error that salvage overcomes."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest
import soundfile
import torch

from attnasr_cli.audio import load as audio
from attnasr_cli.errors import AudioError
from tests.recordings import Sound, film, join, pitches, read, seconds, sound_file, tone


def wav(path: Path, said: int | None, tail: bytes = b"", cut: int | None = None) -> Path:
    """Five seconds of 16 kHz whose header says ``said`` bytes."""
    content = bytearray(sound_file(path, 5.0).read_bytes())
    place = content.index(b"data") + 4
    if said is not None:
        content[place : place + 4] = struct.pack("<I", said)
    path.write_bytes(bytes(content[:cut]) + tail)
    return path


INFO = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"


@pytest.mark.parametrize(
    ("said", "tail", "warned"),
    [
        (160_044, b"", True),
        (0, b"", True),
        (80_000, b"", True),
        (0xFFFF_FFFF, b"", False),
        (0x7FFF_FFFF, b"", False),
        (159_999, b"", False),
        (160_000, b"\1", False),
        (160_000, INFO, False),
        (160_000, b"ID3\4\0\0\0\0\0\5hello", False),
    ],
)
def test_wav_headers_that_are_off(tmp_path: Path, said: int, tail: bytes, warned: bool) -> None:
    samples, warnings = read(wav(tmp_path / "a.wav", said, tail))
    assert samples.shape[0] == pytest.approx(80_000, abs=1)
    assert ["its header says" in text for text in warnings] == [True] * warned


@pytest.mark.parametrize("riff", [0, 100, 10**9, 0xFFFF_FFFF])
def test_the_size_of_riff_does_not_matter(tmp_path: Path, riff: int) -> None:
    content = bytearray(wav(tmp_path / "a.wav", None).read_bytes())
    content[4:8] = struct.pack("<I", riff)
    (tmp_path / "a.wav").write_bytes(content)
    assert read(tmp_path / "a.wav")[0].shape[0] == 80_000


@pytest.mark.parametrize("said", [160_000, 0, 160_044, 2**64 - 1])
@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
def test_sizes_of_64_bits(tmp_path: Path, name: bytes, said: int) -> None:
    content = wav(tmp_path / "a.wav", None).read_bytes()
    data = content.index(b"data")
    sizes = struct.pack("<IQQQI", 28, len(content) + 28, said, 80_000, 0)
    body = b"WAVEds64" + sizes + content[12:data] + b"data\xff\xff\xff\xff" + content[data + 8 :]
    (tmp_path / "a.wav").write_bytes(name + b"\xff" * 4 + body)
    assert read(tmp_path / "a.wav")[0].shape[0] == 80_000


def test_joined_wav_whose_recorder_was_stopped(tmp_path: Path) -> None:
    one, two = wav(tmp_path / "1.wav", 0), sound_file(tmp_path / "2.wav", 4, 8_000, 2, 880)
    samples, _ = read(join(tmp_path / "a.wav", one, two))
    assert samples.shape[0] == 9 * 16_000
    assert pitches(samples, (0.5, 4.5), (5.5, 8.5)) == [440, 880]


def test_a_wav_without_audio_stays_one(tmp_path: Path) -> None:
    head = sound_file(tmp_path / "a.wav", 1.0).read_bytes()
    head = head[: head.index(b"data")] + b"data\0\0\0\0"
    for tail in (b"", INFO):
        (tmp_path / "a.wav").write_bytes(head + tail)
        with pytest.raises(AudioError, match="no samples"):
            audio.load(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "name", ["a.wav", "a.flac", "a.aiff", "a.au", "a.caf", "a.w64", "a.mp3", "a.rf64"]
)
def test_half_a_recording_is_an_error(tmp_path: Path, name: str) -> None:
    content = sound_file(tmp_path / name, 5.0).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"cut off") as caught:
        audio.load(tmp_path / name)
    assert "--salvage" in caught.value.hint
    samples, warnings = read(tmp_path / name, salvage=True)
    assert samples.shape[0] / 16_000 == pytest.approx(2.5, abs=0.5)
    assert any("cut off" in text for text in warnings)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.m4a", "aac", {"movflags": "faststart"}),
        ("a.mkv", "aac", {}),
        ("a.webm", "libopus", {}),
        ("a.wma", "wmav2", {}),
        ("a.wv", "wavpack", {}),
        ("a.tta", "tta", {}),
    ],
)
def test_half_a_film_is_an_error(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    rate = 48_000 if codec == "libopus" else 44_100
    container = "mp4" if name == "a.m4a" else None
    sound = Sound(codec, 8, rate, bit_rate=96_000)
    content = film(tmp_path / name, [sound], options=options, container=container).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="cut off") as caught:
        audio.load(tmp_path / name)
    assert "--salvage" in caught.value.hint
    assert 2.0 < seconds(tmp_path / name, salvage=True) < 6.0


def test_an_mp4_that_lost_its_end(tmp_path: Path) -> None:
    """Without its table of contents nothing can be salvaged, and nothing is promised."""
    content = film(tmp_path / "a.mp4", [Sound("aac", 8)]).read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: len(content) // 2])
    for salvage in (False, True):
        with pytest.raises(AudioError, match="table of contents") as caught:
            audio.load(tmp_path / "a.mp4", salvage=salvage)
        assert "--salvage" not in caught.value.hint


def test_an_ogg_that_ends_early_is_read_with_a_warning(tmp_path: Path) -> None:
    """Ogg says nowhere how long it is: what is there is all that is known."""
    content = sound_file(tmp_path / "a.oga", 9.0).read_bytes()
    (tmp_path / "a.oga").write_bytes(content[: len(content) // 2])
    samples, warnings = read(tmp_path / "a.oga")
    assert samples.shape[0] > 32_000
    assert ["not complete" in text for text in warnings] == [True]


def test_a_hole_in_an_ogg(tmp_path: Path) -> None:
    content = bytearray(sound_file(tmp_path / "a.oga", 9.0, 44_100).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9_000] = bytes(9_000)
    (tmp_path / "a.oga").write_bytes(content)
    with pytest.raises(AudioError, match="damaged at byte"):
        audio.load(tmp_path / "a.oga")
    assert seconds(tmp_path / "a.oga", salvage=True) > 3.0


@pytest.mark.parametrize(("channels", "rate"), [(1, 1_000_000_000), (255, 16_000), (1, 1)])
@pytest.mark.parametrize("salvage", [False, True])
def test_wild_headers(tmp_path: Path, channels: int, rate: int, salvage: bool) -> None:
    width = 2 * channels
    layout = struct.pack("<HHIIHH", 1, channels, rate, min(rate * width, 2**32 - 1), width, 16)
    data = b"data" + struct.pack("<I", 240_720) + b"\1\0" * 120_360
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + data
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(AudioError, match=r"says (a sampling rate|255 channels)"):
        audio.load(tmp_path / "a.wav", salvage=salvage)


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n1.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile 1.mp4\n",
    ],
)
def test_a_playlist_opens_nothing_else(tmp_path: Path, content: str) -> None:
    film(tmp_path / "1.mp4", [Sound("aac")])
    (tmp_path / "a.mp3").write_text(content)
    with pytest.raises(AudioError, match="not a recording"):
        audio.load(tmp_path / "a.mp3")


def test_an_mp3_in_a_wav_is_read_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """libmpg123, inside libsndfile, would write to stderr itself."""
    content = bytearray(film(tmp_path / "a.wav", [Sound("libmp3lame", 4)]).read_bytes())
    content[20_000:20_600] = bytes(600)
    (tmp_path / "a.wav").write_bytes(content)
    assert seconds(tmp_path / "a.wav", salvage=True) == pytest.approx(4.0, abs=0.2)
    with contextlib.suppress(AudioError):
        audio.load(tmp_path / "a.wav")
    assert capfd.readouterr().err == ""


def test_damaged_packets_do_not_end_a_film(tmp_path: Path) -> None:
    """An error of the demuxer is not its end, and a stream may appear in the middle."""
    whole = film(tmp_path / "a.flv", [Sound("aac", 6)], 6.0, "flv1").read_bytes()
    for seed in range(12):
        numbers, content = random.Random(seed), bytearray(whole)
        for _ in range(20):
            content[numbers.randrange(len(content) // 4, len(content))] = numbers.randrange(256)
        (tmp_path / "a.flv").write_bytes(content)
        assert seconds(tmp_path / "a.flv", salvage=True) > 1.0


def test_random_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    """Headers of every kind, followed by noise."""
    magics = [
        b"RIFF\0\1\0\0WAVEfmt ",
        b"OggS\0\2",
        b"fLaC\0\0\0\x22",
        b"\x1a\x45\xdf\xa3",
        b"ID3\3",
    ]
    magics += [
        b"\xff\xfb\x90\x00",
        b"\0\0\0\x18ftypM4A ",
        b"FORM\0\0\1\0AIFF",
        b".snd",
        b"caff\0\1",
    ]
    magics += [b"ID3\3", b"caff\0\1", b"\xff\xf1\x50\x80"]
    magics += [b"RF64\xff\xff\xff\xffWAVEds64", b"riff\x2e\x91\xcf\x11", b""]
    for number, magic in enumerate(magics):
        (tmp_path / "a.bin").write_bytes(
            magic + random.Random(number).randbytes(1_000 * number + 50)
        )
        for salvage in (False, True):
            with pytest.raises(AudioError):
                audio.load(tmp_path / "a.bin", salvage=salvage)


def test_a_wav_with_its_audio_in_pieces(tmp_path: Path) -> None:
    """libsndfile would read the last chunk alone, FFmpeg the first."""
    content = sound_file(tmp_path / "a.wav", 5.0).read_bytes()
    place = content.index(b"data")
    head, audio = content[:place], content[place + 8 :]
    pieces = [audio[:60_000], audio[60_000:100_001], audio[100_001:]]
    body = b"".join(
        b"data" + struct.pack("<I", len(piece)) + piece + bytes(len(piece) % 2) for piece in pieces
    )
    for between, tail in ((b"", b""), (b"", INFO), (INFO, b"")):
        (tmp_path / "b.wav").write_bytes(head + between + body + tail)
        samples, warnings = read(tmp_path / "b.wav")
        assert torch.equal(samples, read(tmp_path / "a.wav")[0])
        assert warnings == []


def test_a_wave64_whose_writer_could_not_go_back(tmp_path: Path) -> None:
    content = bytearray(sound_file(tmp_path / "a.w64", 5.0).read_bytes())
    place = content.index(b"data") + 16
    content[place : place + 8] = struct.pack("<Q", 2**63 - 25)
    (tmp_path / "a.w64").write_bytes(content)
    assert seconds(tmp_path / "a.w64") == 5.0


def test_loud_floats_are_read_without_a_word(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """The sum of their squares is beyond float32; each of them is a number."""
    soundfile.write(tmp_path / "a.wav", 1e30 * tone(2.0), 16_000, subtype="FLOAT")
    assert seconds(tmp_path / "a.wav") == 2.0
    assert not list(recwarn)


def test_an_m4a_that_lacks_its_last_bytes(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    content = film(tmp_path / "a.m4a", [Sound("aac", 4)], options=options, container="mp4")
    content.write_bytes(content.read_bytes()[:-20])
    samples, warnings = read(content)
    assert samples.shape[0] / 16_000 == pytest.approx(4.0, abs=0.1)
    assert "20 bytes more than there are" in warnings[0]
