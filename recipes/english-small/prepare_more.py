#!/usr/bin/env python3
"""More speech without text, for a teacher to hear, and more noise.

    python prepare_more.py --repos repos --out data

Read from the clones like the corpora of prepare.py beside this file, which has come first:

    data/untexted/<id>.flac, data/untexted/untexted.tsv   id, path, speaker, duration_s, corpus
    data/noise/<id>.flac                                  beside the noise of prepare.py

Long speech is cut at its pauses. What it is and under which licence stands in `SPEECH`.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile as sf
from prepare import RATE_HZ, Audio, Clip, DroppedError, Repo, decode, speech_span, spread

SHORTEST_S, LONGEST_S = 1.0, 15.0
HOP = RATE_HZ // 100
COLUMNS = ("id", "path", "speaker", "duration_s", "corpus")


@dataclass(frozen=True)
class More:
    """Recordings of one repository."""

    corpus: str
    repo: str
    commit: str
    licence: str
    clips: Callable[[Repo], Iterator[Clip]]


def folder(repo: Repo, path: str, prefix: str) -> Iterator[Clip]:
    for name in repo.files(path, ".wav"):
        stem = PurePosixPath(name).stem
        yield Clip(f"{prefix}-{stem}", name, speaker=f"{prefix}-{stem}")


# DNS-test: 150 s at 8 kHz of each of 170 readers of LibriVox, made of the personalised part of
# Microsoft's DNS Challenge (CC BY 4.0). MS-SNSD: University of Edinburgh (CC BY 4.0).
SPEECH = (
    More("dns-test", "orcan369/DNS-test", "9720795", "CC-BY-4.0",
             partial(folder, path="enrollment", prefix="dns")),
    More("speech-to-intent", "Picovoice/speech-to-intent-benchmark", "47b1ca63afe4",
             "Apache-2.0", partial(folder, path="data/speech/clean", prefix="sti")),
    More("ms-snsd", "haroitman/nsnet_implementation", "9335f8a8069f", "CC-BY-4.0",
             partial(folder, path="CleanSpeech_training", prefix="snsd1")),
    More("ms-snsd", "mdefran/voice-denoiser", "3a9d6b5b1dda", "CC-BY-4.0",
             partial(folder, path="clean_speech", prefix="snsd2")),
    More("ms-snsd", "danielkweon/Background_Noise_Suppression", "b827d30a42d1", "CC-BY-4.0",
             partial(folder, path="Milestones/Milestone_1/CleanSpeech_training", prefix="snsd3")),
    More("ms-snsd", "xramzesx/um-project", "520915ba069d", "CC-BY-4.0",
             partial(folder, path="CleanSpeech_training", prefix="snsd4")),
    More("ms-snsd", "Shivam9701/noisy-gen-data", "8091d0feb808", "CC-BY-4.0",
             partial(folder, path="CleanSpeech_training", prefix="snsd5")),
)  # fmt: skip

# MS-SNSD's noise, from Freesound and DEMAND (CC BY-SA 3.0); what it is added to does not ship.
NOISE = (
    More("noise", "danielkweon/Background_Noise_Suppression", "b827d30a42d1", "CC-BY-SA-3.0",
         partial(folder, path="Milestones/Milestone_1/Noise_training", prefix="snsd3")),
    More("noise", "xramzesx/um-project", "520915ba069d", "CC-BY-SA-3.0",
         partial(folder, path="Noise_training", prefix="snsd4")),
    More("noise", "Picovoice/speech-to-intent-benchmark", "47b1ca63afe4", "Apache-2.0",
         partial(folder, path="data/noise", prefix="sti")),
)  # fmt: skip


def cut(audio: Audio) -> Iterator[Audio]:
    """The recording in parts of at most ``LONGEST_S``, cut in the middle of the quietest stretch
    of the second half of what fits."""
    most, start = round(LONGEST_S * 100), 0
    power = np.square(audio[: len(audio) // HOP * HOP].reshape(-1, HOP)).mean(1)
    smooth = np.convolve(power, np.full(25, 0.04), "same")  # over a quarter of a second
    while len(power) - start > most:
        middle = start + most // 2
        end = middle + int(smooth[middle : start + most].argmin())
        yield audio[start * HOP : end * HOP]
        start = end
    yield audio[start * HOP :]


def convert(repo: Repo, out: Path, corpus: str, clip: Clip) -> list[tuple[str, ...]]:
    """Write the parts of a clip that have speech, and return their rows."""
    rows = []
    try:
        audio = decode(repo.blob(clip.path))
    except subprocess.CalledProcessError:
        return []  # a file that the clone lacks
    for i, part in enumerate([audio] if corpus == "noise" else cut(audio)):
        if corpus != "noise" and speech_s(part) < SHORTEST_S:
            continue
        path = out / f"{clip.id}-{i}.flac"
        samples = np.clip(np.rint(part * 32768), -32768, 32767).astype(np.int16)
        sf.write(path, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
        seconds = f"{len(part) / RATE_HZ:.3f}"
        rows.append((path.stem, str(path), clip.speaker, seconds, corpus))
    return rows


def speech_s(audio: Audio) -> float:
    """Seconds from the first to the last speech."""
    try:
        first, last = speech_span(audio)
    except DroppedError:
        return 0.0
    return (last - first) / RATE_HZ


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--repos", type=Path, required=True, help="folder of the clones")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--most", type=int, default=0, help="files of each repository; 0: all")
    args = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    for source in SPEECH + NOISE:
        kind = "noise" if source in NOISE else "untexted"
        out = args.out.resolve() / kind
        out.mkdir(parents=True, exist_ok=True)
        repo = Repo.of(args.repos.resolve(), source.repo, source.commit)
        one = partial(convert, repo, out, source.corpus)
        with Pool(args.jobs) as pool:
            clips = spread(list(source.clips(repo)), args.most)
            found = [row for part in pool.map(one, clips, chunksize=4) for row in part]
        hours = sum(float(row[3]) for row in found) / 3600
        print(
            f"{kind}: {source.repo} ({source.licence}): {len(found)} clips, {hours:.2f} h",
            flush=True,
        )
        rows += [] if kind == "noise" else found
    lines = ["\t".join(row) for row in [COLUMNS, *rows]]
    table = args.out / "untexted" / "untexted.tsv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
