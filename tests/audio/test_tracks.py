"""Films with several sound tracks: chosen by number or language, and said where nothing was."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnasr_cli.audio import load as audio
from attnasr_cli.audio.sources.languages import same_language
from attnasr_cli.errors import AudioError
from tests.recordings import Sound, film, join, pitches, read, sound_file

WHOLE = (0.2, 1.8)


def two_tracks(path: Path) -> Path:
    return film(
        path,
        [
            Sound("aac", language="eng"),
            Sound("aac", hz=880, rate=48_000, channels=2, language="ger", title="Kommentar"),
        ],
        3.0,
    )


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
@pytest.mark.parametrize(
    ("track", "hz"), [(None, 440), (1, 440), (2, 880), ("en", 440), ("de", 880), ("deu", 880)]
)
def test_a_track_is_chosen(tmp_path: Path, name: str, track: int | str | None, hz: int) -> None:
    samples, warnings = read(two_tracks(tmp_path / name), track=track)
    assert pitches(samples, WHOLE) == [hz]
    assert ["2 sound tracks (1 eng; 2 ger" in text for text in warnings] == [True] * (not track)
    assert all("1 is read, --audio-track chooses" in text for text in warnings)


@pytest.mark.parametrize("track", [0, 3, "fr", "eng2"])
def test_a_track_that_is_not_there(tmp_path: Path, track: int | str) -> None:
    with pytest.raises(AudioError, match=f"no sound track {track}") as caught:
        audio.load(two_tracks(tmp_path / "a.mkv"), track=track)
    assert caught.value.hint == "it has: 1 eng; 2 ger Kommentar"


def test_the_only_track_of_a_recording(tmp_path: Path) -> None:
    """In a folder of films and plain recordings one choice serves both."""
    path = sound_file(tmp_path / "a.flac")
    for track in (1, "de"):
        assert audio.load(path, track=track).shape[0] == 32_000
    with pytest.raises(AudioError, match="no sound track 2"):
        audio.load(path, track=2)


def test_joined_films_keep_the_choice(tmp_path: Path) -> None:
    one = two_tracks(tmp_path / "1.mkv")
    samples, warnings = read(join(tmp_path / "a.mkv", one, one), track="de")
    assert pitches(samples, WHOLE, (2.4, 3.8)) == [880, 880]
    assert warnings == []


def test_what_a_probe_tells(tmp_path: Path) -> None:
    probe = audio.probe(two_tracks(tmp_path / "a.mkv"), track="de")
    assert [(t.number, t.language, t.codec, t.rate_hz, t.channels) for t in probe.tracks] == [
        (1, "eng", "aac", 44_100, 1),
        (2, "ger", "aac", 48_000, 2),
    ]
    assert (probe.track, probe.rate_hz, probe.channels) == (2, 48_000, 2)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("eng", "en", True),
        ("ger", "deu", True),
        ("en-US", "eng", True),
        ("zh_TW", "chi", True),
        ("EN", "en", True),
        ("qaa", "qaa", True),
        ("eng", "de", False),
        ("", "", False),
    ],
)
def test_language_tags(one: str, other: str, same: bool) -> None:
    assert same_language(one, other) == same_language(other, one) == same
