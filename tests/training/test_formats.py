"""Corpora as they are published: each becomes the same utterances."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from attnasr_cli.errors import DataError
from attnasr_cli.training.data.overlap import overlaps
from attnasr_cli.training.formats.read import read_data
from attnasr_cli.training.formats.utterance import Utterance


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def kaldi(root: Path, **files: str) -> Path:
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name.replace("_", ".")).write_text(content)
    return root


def test_kaldi_with_segments_and_speakers(tmp_path: Path) -> None:
    audio = touch(tmp_path / "data" / "call 1.wav")
    root = kaldi(
        tmp_path / "data",
        wav_scp="rec1 call 1.wav\n",
        segments="u2 rec1 3.5 -1\nu1 rec1 0.25 3.50\n",
        utt2spk="u1 anna\nu2 ben\n",
        text="u1 good  morning\nu2 hello\n",
    )
    assert read_data(root) == [
        Utterance("u1", audio, "good morning", 0.25, 3.5, "anna"),
        Utterance("u2", audio, "hello", 3.5, None, "ben"),
    ]


def test_kaldi_without_segments(tmp_path: Path) -> None:
    audio = touch(tmp_path / "elsewhere.flac")
    root = kaldi(tmp_path / "data", wav_scp=f"u1 {audio}\n", text="u1 one\n")
    assert read_data(root) == [Utterance("u1", audio, "one")]


BROKEN = {
    "a pipe": ({"wav_scp": "u1 sph2pipe -f wav x.sph |\n", "text": "u1 a\n"},
               r"wav.scp:1: a command in place of a recording: sph2pipe"),
    "an archive": ({"wav_scp": "u1 wav.ark:17\n", "text": "u1 a\n"}, "wav.scp:1: an archive"),
    "no text": ({"wav_scp": "u1 a.wav\n"}, "a Kaldi folder without text"),
    "unknown": ({"wav_scp": "u1 a.wav\n", "text": "u1 a\nu2 b\n"}, "text:2: u2 is not in wav.scp"),
    "unknown recording": ({"wav_scp": "r a.wav\n", "text": "u a\n", "segments": "u q 0 1\n"},
                          "segments:1: q is not in wav.scp"),
    "backwards": ({"wav_scp": "r a.wav\n", "text": "u a\n", "segments": "u r 2 1\n"},
                  "segments:1: it ends at 1 s, before its start"),
    "no time": ({"wav_scp": "r a.wav\n", "text": "u a\n", "segments": "u r zero 1\n"},
                "segments:1: the start is 'zero'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_kaldi_folder_names_file_and_line(case: str, tmp_path: Path) -> None:
    files, message = BROKEN[case]
    with pytest.raises(DataError, match=message):
        read_data(kaldi(tmp_path / "data", **files))


def test_common_voice_as_downloaded(tmp_path: Path) -> None:
    audio = touch(tmp_path / "clips" / "common_voice_en_1.mp3")
    header = "client_id\tpath\tsentence_id\tsentence\tup_votes\n"
    table = tmp_path / "train.tsv"
    table.write_text(f'{header}f00\t{audio.name}\t7\tSay "hi".\t2\n')
    assert read_data(table) == [Utterance(audio.stem, audio, 'Say "hi".', speaker="f00")]
    with pytest.raises(DataError, match="is a Common Voice folder") as caught:
        read_data(tmp_path)
    assert "train.tsv" in caught.value.hint


def test_nemo_with_offsets(tmp_path: Path) -> None:
    rows = [
        {"audio_filepath": "a.wav", "text": "one", "duration": 2.0},
        {"audio_filepath": "b.wav", "text": "two", "duration": 1.5, "offset": 4.0},
        {"audio_filepath": "b.wav", "text": "three", "duration": 1.0, "offset": 9.5},
    ]
    table = tmp_path / "train.json"
    table.write_text("\n".join(json.dumps(row) for row in rows))
    assert read_data(table) == [
        Utterance("a", tmp_path / "a.wav", "one"),
        Utterance("b@4.00", tmp_path / "b.wav", "two", 4.0, 5.5),
        Utterance("b@9.50", tmp_path / "b.wav", "three", 9.5, 10.5),
    ]


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_audiofolder_with_a_table_for_each_split(name: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        touch(tmp_path / split / "a.wav")
        row = {"file_name": "a.wav", "transcription": split}
        lines = (
            json.dumps(row) if name.endswith("jsonl") else f"file_name,transcription\na.wav,{split}"
        )
        (tmp_path / split / name).write_text(lines)
    assert [(u.id, u.text) for u in read_data(tmp_path)] == [
        ("test/a", "test"),
        ("train/a", "train"),
    ]
    assert [u.id for u in read_data(tmp_path / "train")] == ["a"]


@pytest.mark.parametrize("zipped", [False, True])
def test_lhotse_cuts(zipped: bool, tmp_path: Path) -> None:
    audio = touch(tmp_path / "long.flac")
    source = {"type": "file", "channels": [0], "source": str(audio)}
    recording = {"id": "r", "sources": [source], "sampling_rate": 16000, "duration": 10.0}
    said = {"id": "s1", "recording_id": "r", "start": 0.5, "duration": 2.0, "text": "a b",
            "speaker": "x"}  # fmt: skip
    cut = {"id": "c1", "start": 3.0, "duration": 4.0, "channel": 0, "supervisions": [said],
           "recording": recording, "type": "MonoCut"}  # fmt: skip
    whole = {
        **cut,
        "id": "c2",
        "start": 0.0,
        "supervisions": [{**said, "start": 0, "duration": 10}],
    }
    text = json.dumps(cut) + "\n" + json.dumps(whole) + "\n"
    table = tmp_path / ("cuts.jsonl.gz" if zipped else "cuts.jsonl")
    table.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert read_data(table) == [
        Utterance("c1", audio, "a b", 3.5, 5.5, "x"),
        Utterance("c2", audio, "a b", speaker="x"),
    ]
    mixed = json.dumps({**cut, "type": "MixedCut"})
    table.write_bytes(gzip.compress(mixed.encode()) if zipped else mixed.encode())
    with pytest.raises(DataError, match=r":1 \(of lhotse cuts\): a MixedCut"):
        read_data(table)


def test_vctk_takes_the_first_microphone(tmp_path: Path) -> None:
    for name in ("p225_001_mic1", "p225_001_mic2"):
        touch(tmp_path / "wav48_silence_trimmed" / "p225" / f"{name}.flac")
    for name in ("p225_001", "p225_002"):  # the second has no recording
        touch(tmp_path / "txt" / "p225" / f"{name}.txt").write_text("Please call Stella.\n")
    [found] = read_data(tmp_path)
    assert (found.id, found.path.name, found.speaker) == ("p225_001", "p225_001_mic1.flac", "p225")


def test_a_manifest_of_parts_of_recordings(tmp_path: Path) -> None:
    table = tmp_path / "a.tsv"
    table.write_text(
        "path\ttext\tstart\tend\tspeaker\nx.wav\tone\t0\t1.5\tA\nx.wav\ttwo\t1.5\t\tB\n"
    )
    one, two = read_data(table)
    assert (one.start_s, one.end_s, one.speaker) == (0.0, 1.5, "A")
    assert (two.start_s, two.end_s) == (1.5, None)
    table.write_text("path\ttext\tstart\tend\nx.wav\tone\tlate\t1\n")
    with pytest.raises(DataError, match=r"a.tsv:2: start is 'late'") as caught:
        read_data(table)
    assert "taken for a manifest" in caught.value.hint


def test_equal_names_in_two_folders(tmp_path: Path) -> None:
    table = tmp_path / "a.tsv"
    table.write_text("path\ttext\nmonday/1.wav\tone\ntuesday/1.wav\ttwo\n")
    assert [u.id for u in read_data(table)] == ["monday/1", "tuesday/1"]
    table.write_text("id\tpath\ttext\nx\tmonday/1.wav\tone\nx\ttuesday/1.wav\ttwo\n")
    with pytest.raises(DataError, match=r"'x' appears twice: .*monday/1.wav and .*tuesday/1.wav"):
        read_data(table)


def test_data_that_is_there_twice_is_said() -> None:
    def at(name: str, speaker: str = "", start: float | None = None) -> Utterance:
        return Utterance(name, Path(name.rstrip("'")), "x", start, None, speaker)

    assert overlaps([at("a"), at("b")], [at("c")]) == []
    [both] = overlaps([at("a"), at("b")], [at("b"), at("c")])
    assert "1 of 2 dev recordings are trained on too" in both
    [again] = overlaps([at("a"), at("a'"), at("b")], [at("c")])
    assert "2 training utterances are of recordings that are there more than once: a, a'" in again
    assert overlaps([at("a", start=0.0), at("a'", start=2.0)], [at("c")]) == []
    [voices] = overlaps([at("a", "anna")], [at("b", "anna")])
    assert "1 speakers are in both sets" in voices
