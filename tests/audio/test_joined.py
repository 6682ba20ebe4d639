"""What follows a first stream is read, too, whatever its rate and channels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attnasr_cli.audio import load as audio
from tests.recordings import BARE, Sound, film, join, pitches, read, seconds, sound_file

FIRST, SECOND = (0.5, 2.5), (3.5, 6.5)
"""seconds inside a recording of 3 s at 440 Hz, and of 4 s at 880 Hz that follows it"""


def id3_tag(size: int) -> bytes:
    """An ID3v2 tag with a picture of noise, in which frames seem to begin."""
    sizes = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    noise = torch.randint(0, 256, (size,), generator=torch.Generator().manual_seed(0))
    return b"ID3\x03\0\0" + sizes + bytes(noise.to(torch.uint8).tolist())


@pytest.mark.parametrize("ending", ["opus", "oga", "flac", "wav", "mp3"])
@pytest.mark.parametrize("same", [False, True])
def test_joined_recordings(tmp_path: Path, ending: str, same: bool) -> None:
    """Chains of Ogg, radio captures and ``cat``, of one format or of several."""
    rates = (48_000, 24_000) if ending == "opus" else (44_100, 22_050)
    one = sound_file(tmp_path / f"1.{ending}", 3, rates[0], 1, 440)
    two = sound_file(tmp_path / f"2.{ending}", 4, rates[not same], 1 if same else 2, 880)
    samples, warnings = read(join(tmp_path / f"a.{ending}", one, two))
    assert samples.shape[0] / 16_000 == pytest.approx(7.0, abs=0.12)
    assert pitches(samples, FIRST, SECOND) == [440, 880]
    assert warnings == []
    assert seconds(tmp_path / f"a.{ending}", salvage=True) == pytest.approx(7.0, abs=0.12)
    cut = audio.load(tmp_path / f"a.{ending}", start_s=2.5, end_s=6.0)
    assert torch.allclose(cut, samples[40_000:96_000], atol=1e-6)


@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("aiff", "pcm_s16be"),
        ("au", "pcm_s16be"),
        ("caf", "pcm_s16le"),
        ("w64", "pcm_s16le"),
        ("avi", "pcm_s16le"),
        ("wma", "wmav2"),
        ("amr", "libopencore_amrnb"),
    ],
)
def test_other_formats_joined(tmp_path: Path, ending: str, codec: str) -> None:
    rates = (8_000, 8_000) if ending == "amr" else (44_100, 22_050)
    container = "amr" if ending == "amr" else None
    bits = 12_200 if ending == "amr" else 64_000
    one, two = (
        film(
            tmp_path / f"{hz}.{ending}",
            [Sound(codec, length, rate, hz=hz, bit_rate=bits)],
            container=container,
        )
        for hz, length, rate in ((440, 3, rates[0]), (880, 4, rates[1]))
    )
    samples, warnings = read(join(tmp_path / f"a.{ending}", one, two))
    assert samples.shape[0] / 16_000 == pytest.approx(7.0, abs=0.15)
    assert pitches(samples, FIRST, SECOND) == [440, 880]
    assert warnings == []


def test_a_chain_of_flac_in_ogg(tmp_path: Path) -> None:
    one = film(tmp_path / "1.ogg", [Sound("flac", 3, 44_100)])
    two = film(tmp_path / "2.ogg", [Sound("flac", 4, 16_000, 2, 880)])
    samples, _ = read(join(tmp_path / "a.ogg", one, two))
    assert samples.shape[0] / 16_000 == pytest.approx(7.0, abs=0.01)
    assert pitches(samples, FIRST, SECOND) == [440, 880]


def test_a_chain_of_a_hundred_links(tmp_path: Path) -> None:
    link = sound_file(tmp_path / "1.oga", 0.3)
    assert seconds(join(tmp_path / "a.oga", *[link] * 100)) == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_joined_films(tmp_path: Path, ending: str) -> None:
    one = film(tmp_path / f"1.{ending}", [Sound("aac", 3)], 2.0)
    two = film(tmp_path / f"2.{ending}", [Sound("aac", 4, 48_000, 2, 880)])
    samples, _ = read(join(tmp_path / f"a.{ending}", one, two))
    assert samples.shape[0] / 16_000 == pytest.approx(7.0, abs=0.1)
    assert pitches(samples, FIRST, SECOND) == [440, 880]


@pytest.mark.parametrize(
    "between",
    [id3_tag(100_000), b"TAG" + b"a" * 125 + id3_tag(500), b"TAG" + b"a" * 125],
    ids=["id3v2", "both", "id3v1"],
)
def test_tags_between_joined_film(tmp_path: Path, between: bytes) -> None:
    one = film(tmp_path / "1.mp3", [Sound("libmp3lame", 3)])
    two = film(tmp_path / "2.mp3", [Sound("libmp3lame", 4, 48_000, 2, 880)])
    path = join(tmp_path / "a.mp3", one, between, two, b"TAG" + b"b" * 125)
    samples, warnings = read(path)
    assert samples.shape[0] / 16_000 == pytest.approx(7.0, abs=0.12)
    assert pitches(samples, FIRST, SECOND) == [440, 880]
    assert warnings == []


@pytest.mark.parametrize(
    ("codec", "ending", "channels"),
    [("aac", "aac", 1), ("aac", "aac", 2), ("mp2", "ts", 1), ("libmp3lame", "mp3", 2)],
)
def test_format_changes_in_the_middle(
    tmp_path: Path, codec: str, ending: str, channels: int
) -> None:
    options = BARE if ending == "mp3" else None
    names = [tmp_path / f"{number}.{ending}" for number in range(3)]
    film(names[0], [Sound(codec, 3, 44_100)], options=options)
    film(names[1], [Sound(codec, 4, 48_000, channels, 880)], options=options)
    film(names[2], [Sound(codec, 2, 32_000, 1, 660)], options=options)
    samples, _ = read(join(tmp_path / f"a.{ending}", *names))
    assert samples.shape[0] / 16_000 == pytest.approx(9.0, abs=0.25)
    assert pitches(samples, FIRST, SECOND, (7.4, 8.8)) == [440, 880, 660]
