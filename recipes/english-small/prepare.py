#!/usr/bin/env python3
"""Convert freely licensed English speech from public git repositories into training manifests.

The repositories of `SOURCES` lie in one folder as OWNER+NAME, bare or not (clone.py beside this
file brings them). Files are read out of git at the commits named here, whatever is checked out:

    python prepare.py --repos repos --out data

What is written, all audio as 16 kHz mono 16-bit FLAC:

    data/english/<corpus>/<id>.flac, data/english/train.tsv, data/english/dev.tsv
    data/noise/<id>.flac, data/noise/noise.tsv                    with --with noise
    data/unlabelled/<id>.flac, data/unlabelled/unlabelled.tsv     with --with unlabelled

train.tsv is written anew after each corpus; dev.tsv holds three speakers of Mini LibriSpeech. A
corpus that is done is skipped when the script runs again; delete its rows.tsv to redo it. With
--most a corpus gives only so many clips, evenly spread: to see that everything runs.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path, PurePosixPath
from typing import TypeVar

import av
import numpy as np
import numpy.typing as npt
import soundfile as sf

Audio = npt.NDArray[np.float32]
Row = tuple[str, ...]  # one line of a manifest: the values of COLUMNS
T = TypeVar("T")

COLUMNS = ("id", "path", "text", "speaker", "duration_s", "corpus")
RATE_HZ = 16_000
DEV_SPEAKERS = frozenset({"ls-7367", "ls-7859", "ls-8629"})
MIN_S, MAX_S, MIN_CHARS_PER_S, MAX_CHARS_PER_S = 0.4, 30.0, 1.5, 30.0
LONG_SILENCE, MARGIN = RATE_HZ // 2, RATE_HZ // 5  # samples worth trimming, and those kept


@dataclass(frozen=True)
class Repo:
    """A clone, read at one commit."""

    path: Path
    commit: str

    @classmethod
    def of(cls, repos: Path, name: str, commit: str) -> Repo:
        """That of OWNER/NAME in the folder of the clones, which must be there."""
        path = repos / name.replace("/", "+")
        if not path.is_dir():
            sys.exit(f"{path} is missing: git clone --bare https://github.com/{name} '{path}'")
        return cls(path, commit)

    def _git(self, *args: str) -> bytes:
        return subprocess.check_output(["git", "-C", self.path, *args])

    def files(self, folder: str, suffix: str) -> list[str]:
        found = self._git("ls-tree", "-r", "-z", "--name-only", self.commit, "--", folder)
        return sorted(name for name in found.decode().split("\0") if name.endswith(suffix))

    def blob(self, path: str) -> bytes:
        return self._git("cat-file", "blob", f"{self.commit}:{path}")

    def text(self, path: str) -> str:
        return self.blob(path).decode("utf-8-sig")


@dataclass(frozen=True)
class Clip:
    """One recording in a repository, with its text as the corpus has it (None: unlabelled)."""

    id: str
    path: str
    text: str | None = None
    speaker: str = "unknown"


@dataclass(frozen=True)
class Source:
    """One corpus: where it lies and how its clips are listed."""

    corpus: str
    repo: str
    commit: str
    licence: str
    clips: Callable[[Repo], Iterator[Clip]]
    trim: bool = False


class DroppedError(Exception):
    """The clip is not used; the message is the reason, as it is counted."""


def mini_librispeech(repo: Repo) -> Iterator[Clip]:
    for path in repo.files("LibriSpeech/train-clean-5", ".trans.txt"):
        for line in repo.text(path).splitlines():
            id_, text = line.split(" ", 1)
            speaker = f"ls-{id_.split('-')[0]}"
            yield Clip(id_, str(PurePosixPath(path).with_name(f"{id_}.flac")), text, speaker)


def side_by_side(repo: Repo, speakers: dict[str, str], suffix: str) -> Iterator[Clip]:
    for folder, speaker in speakers.items():
        for path in repo.files(folder, suffix):
            wav = PurePosixPath(path).with_suffix(".wav")
            yield Clip(wav.stem, str(wav), repo.text(path), speaker)


def common_voice_1(repo: Repo) -> Iterator[Clip]:
    for row in csv.DictReader(io.StringIO(repo.text("asr/cv-valid-dev.csv"))):
        path = PurePosixPath("asr", row["filename"])
        yield Clip(f"cv1-{path.stem}", str(path), row["text"])


def common_voice(repo: Repo) -> Iterator[Clip]:
    (table,) = repo.files(".", "/validated.tsv")
    have = {PurePosixPath(path).name: path for path in repo.files(".", ".mp3")}
    for row in csv.DictReader(repo.text(table).split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE):
        if path := have.get(row["path"]):
            speaker = f"cv-{row['client_id'][:16]}"
            yield Clip(PurePosixPath(path).stem, path, row["sentence"], speaker)


def common_voice_unlabelled(repo: Repo) -> Iterator[Clip]:
    tables = repo.files("dataset", "/validated.tsv") + repo.files("dataset", "/invalidated.tsv")
    judged = {name for table in tables for name in re.findall(r"\w+\.mp3", repo.text(table))}
    for path in repo.files("dataset/clips", ".mp3"):
        if PurePosixPath(path).name not in judged:
            yield Clip(PurePosixPath(path).stem, path)


def esc10(repo: Repo) -> Iterator[Clip]:
    clips = (Clip(PurePosixPath(path).stem, path) for path in repo.files(".", ".ogg"))
    return (clip for clip in clips if clip.id not in {"1-40730-A", "2-96460-A"})  # CC Sampling+


BY, CC0, VOICE13 = "CC-BY-4.0", "CC0-1.0", ("korliu/whisper", "d03c14561ed7")
SOURCES = (
    Source("mini-librispeech", "zhangrui0712/Voice-Age", "c13f844098b7", BY, mini_librispeech),
    Source("common-voice-1", "hys89/myrepo", "df4be595b08d", CC0, common_voice_1, trim=True),
    Source("common-voice-13", *VOICE13, CC0, common_voice),
    Source("kathleen", "rhasspy/dataset-voice-kathleen", "c51cb971036a", CC0,
           partial(side_by_side, speakers={"data": "kathleen"}, suffix=".txt")),
    Source("librispeech-demo", "MontrealCorpusTools/librispeech-demo", "3f226b2e1629", BY,
           partial(side_by_side, speakers={"26": "ls-26", "27": "ls-27"}, suffix=".lab")),
    Source("common-voice-18-delta", "shubhra-cv/18", "4ca775acc03a", CC0, common_voice),
    Source("common-voice-19-delta", "shubhra-cv/19", "497ac20ecec5", CC0, common_voice),
    Source("common-voice-20-delta", "shubhra-cv/17", "c6eb4f89ac49", CC0, common_voice),
)  # fmt: skip  # librispeech-demo's third speaker, 19, is in Mini LibriSpeech already
EXTRAS = {
    "noise": Source("noise", "karolpiczak/ESC-10", "c74878ef556a", "CC-BY-3.0", esc10),
    "unlabelled": Source("unlabelled", *VOICE13, CC0, common_voice_unlabelled),
}

TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor"}
QUOTED = re.compile(r"(?<![a-z])'((?:[^']|(?<=[a-z])'(?=[a-z]))*)'(?![a-z])")
APOSTROPHES = str.maketrans(dict.fromkeys("‘’‛ʼ`´", "'"))


def normalise(raw: str) -> str:
    """Lower-case words of a-z and apostrophes, one space between them; drops what needs a guess."""
    text = unicodedata.normalize("NFKC", raw.translate(APOSTROPHES))
    text, shouted = text.lower(), text.isupper()
    if not shouted:  # then quotation marks are possible: 'like these', but not in the boys' tent
        text = QUOTED.sub(r" \1 ", text)
    text = re.sub(r"""[\s.,!?;:"()\[\]“”„«»/_\-‐‑‒–—]+""", " ", text)
    text = re.sub(r"(?<![a-z])'+(?![a-z])|'(?=')", " ", text)
    text = " ".join(TITLES.get(word, word) for word in text.split())
    if strange := re.search(r"[^a-z' ]", text):
        raise DroppedError("digits" if strange[0].isdigit() else "characters beyond a-z")
    return text


def decode(blob: bytes) -> Audio:
    """Any format that FFmpeg reads, as 16 kHz mono; 16 kHz mono input keeps its exact samples."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    parts: list[Audio] = []
    with av.open(io.BytesIO(blob)) as container:
        for frame in [*container.decode(audio=0), None]:
            parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def speech_span(audio: Audio) -> tuple[int, int]:
    """First and last sample of what is louder than the clip's own silence for at least 0.1 s."""
    hop = RATE_HZ // 100
    power = np.square(audio[: len(audio) // hop * hop].reshape(-1, hop)).mean(1)
    if len(power) < 10:
        raise DroppedError("no speech")
    level_db = 10 * np.log10(np.convolve(power, np.full(5, 0.2), "same") + 1e-10)
    floor_db, speech_db = np.percentile(level_db, (10, 95))
    threshold_db = min(max(speech_db - 30, floor_db + 6), speech_db - 10)
    loud = np.convolve(level_db > threshold_db, np.ones(10), "valid") > 9.5
    if speech_db < -65 or not loud.any():
        raise DroppedError("no speech")
    starts = np.flatnonzero(loud)
    return int(starts[0]) * hop, (int(starts[-1]) + 10) * hop


def convert(repo: Repo, source: Source, folder: Path, clip: Clip) -> Row | str:
    """Write the clip's FLAC and return its row, or the reason why it is dropped."""
    try:
        text = "" if clip.text is None else normalise(clip.text)
        audio = decode(repo.blob(clip.path))
        if clip.text is not None and clip.speaker not in DEV_SPEAKERS:
            first, last = speech_span(audio)
            rate = len(text) * RATE_HZ / (last - first)
            if not MIN_CHARS_PER_S <= rate <= MAX_CHARS_PER_S:
                raise DroppedError("text too short or long for the audio")
            if source.trim:
                stop = last + MARGIN if len(audio) - last > LONG_SILENCE else len(audio)
                audio = audio[first - MARGIN if first > LONG_SILENCE else 0 : stop]
        duration_s = len(audio) / RATE_HZ
        if not MIN_S <= duration_s <= MAX_S:
            raise DroppedError(f"shorter than {MIN_S} s or longer than {MAX_S:g} s")
    except DroppedError as dropped:
        return str(dropped)
    except (subprocess.CalledProcessError, av.FFmpegError) as error:
        return f"unreadable ({type(error).__name__})"
    path = folder / f"{clip.id}.flac"
    samples = np.clip(np.rint(audio * 32768), -32768, 32767).astype(np.int16)
    sf.write(path, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return clip.id, str(path), text, clip.speaker, f"{duration_s:.3f}", source.corpus


def write_tsv(path: Path, rows: list[Row], columns: tuple[str, ...] = COLUMNS) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    draft = path.with_name(path.name + ".part")
    keep = [COLUMNS.index(name) for name in columns]
    lines = ["\t".join(row[index] for index in keep) for row in [COLUMNS, *rows]]
    draft.write_text("\n".join(lines) + "\n")
    draft.replace(path)


def spread(items: Sequence[T], most: int) -> Sequence[T]:
    """At most so many of them, evenly spread; 0 is all."""
    if not 0 < most < len(items):
        return items
    return [items[i * len(items) // most] for i in range(most)]


def convert_source(source: Source, repos: Path, folder: Path, jobs: int, most: int) -> list[Row]:
    """All usable clips of one corpus; prints what it kept and what it dropped."""
    repo = Repo.of(repos, source.repo, source.commit)
    folder.mkdir(parents=True, exist_ok=True)
    clips = spread(list({clip.id: clip for clip in source.clips(repo)}.values()), most)
    with Pool(jobs) as pool:
        results = pool.map(partial(convert, repo, source, folder), clips, chunksize=16)
    rows = [result for result in results if not isinstance(result, str)]
    dropped = Counter(result for result in results if isinstance(result, str))
    hours = sum(float(row[COLUMNS.index("duration_s")]) for row in rows) / 3600
    why = "".join(f"\n    dropped {count}: {reason}" for reason, count in dropped.most_common())
    print(f"{source.corpus} ({source.licence}): {len(rows)} clips, {hours:.2f} h{why}", flush=True)
    return rows


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--repos", type=Path, required=True, help="folder of the clones")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--most", type=int, default=0, help="clips of each corpus; 0: all")
    parser.add_argument("--with", dest="extras", choices=sorted(EXTRAS), nargs="*", default=[])
    args = parser.parse_args()
    repos, out = args.repos.resolve(), args.out.resolve()
    rows: list[Row] = []
    for source in SOURCES:
        done = out / "english" / source.corpus / "rows.tsv"
        if not done.exists():
            write_tsv(done, convert_source(source, repos, done.parent, args.jobs, args.most))
        rows += [tuple(line.split("\t")) for line in done.read_text().splitlines()[1:]]
        for name, dev in (("train.tsv", False), ("dev.tsv", True)):
            part = [row for row in rows if (row[COLUMNS.index("speaker")] in DEV_SPEAKERS) == dev]
            write_tsv(out / "english" / name, part)
    for name in args.extras:
        extra = convert_source(EXTRAS[name], repos, out / name, args.jobs, args.most)
        write_tsv(out / name / f"{name}.tsv", extra, ("id", "path", "duration_s"))


if __name__ == "__main__":
    main()
