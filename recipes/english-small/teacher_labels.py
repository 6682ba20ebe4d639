#!/usr/bin/env python3
"""What a teacher hears in recordings: a manifest with its text, and one to train on.

    python recipes/english-small/teacher_labels.py unlabelled.tsv heard.tsv --teacher whisper-base
    python recipes/english-small/teacher_labels.py unlabelled.tsv heard.tsv --train taught.tsv

The teacher is a Whisper model, by name or folder. It sees a window a little longer than the
recording, not its 30 s: for clips of a few seconds that is a sixth of the work. heard.tsv has every
text as it was written, with case and punctuation, and the mean log probability of its tokens. It
grows as the work goes on; the same command goes on where it was stopped.

--train writes what is heard so far and may be learnt from: texts of which the teacher was sure
(Kahn et al. 2020, arXiv:1909.09116), with a plausible number of words, in the spelling of
prepare.py. Texts with digits are left out: how they were said is not known.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from prepare import DroppedError, normalise
from torch import Tensor

from attnasr_cli.audio.frames import FRAMES_PER_S, pad
from attnasr_cli.audio.load import load
from attnasr_cli.device import cpu_has_bfloat16
from attnasr_cli.families import models
from attnasr_cli.families.whisper.checkpoint import parts_of
from attnasr_cli.families.whisper.decode.decoding import DecodingTask, TaskOptions, WindowStart
from attnasr_cli.families.whisper.features import log_mel
from attnasr_cli.families.whisper.net.fast import accelerate
from attnasr_cli.text.repetition import compression_ratio

COLUMNS = ("id", "path", "text", "speaker", "duration_s", "corpus", "avg_logprob")
WORDS_PER_S = (0.5, 4.8)
MOST_REPETITION = 2.4  # compression ratio above which a text repeats itself
MOST_TOKENS_PER_S = 12
WIDE_S = 8.0  # margin of the second try, for what repeats itself under the short window
Row = dict[str, str]


class Teacher:
    """A Whisper model whose window is as long as what it hears."""

    def __init__(self, model: str, margin_s: float, dtype: str) -> None:
        loaded = models.load(model)
        net, tokenizer = parts_of(loaded)
        self.bins, self.margin_s = loaded.features.bins, margin_s
        low = cpu_has_bfloat16()  # without such instructions it is many times slower
        self.net = accelerate(net, torch.device("cpu"), dtype, low_encoder=low)
        self.places = self.net.encoder.positional_embedding.clone()
        self.tokenizer, self.language = tokenizer, "en" if tokenizer.languages else None

    def hear(self, recordings: Sequence[Tensor]) -> list[tuple[str, float]]:
        """Samples (N,) at 16 kHz → text and mean log probability of its tokens, of each."""
        found = self._hear(recordings, self.margin_s)
        doubtful = [i for i, (text, _) in enumerate(found) if repeats(text)]
        if doubtful:
            again = self._hear([recordings[i] for i in doubtful], WIDE_S)
            for i, one in zip(doubtful, again, strict=True):
                found[i] = one
        return found

    @torch.inference_mode()
    def _hear(self, recordings: Sequence[Tensor], margin_s: float) -> list[tuple[str, float]]:
        features, lengths = pad([log_mel(samples, self.bins) for samples in recordings])
        frames = features.shape[1] + round(margin_s * FRAMES_PER_S)
        places = min((frames + 1) // 2, self.places.shape[0])
        encoder = self.net.encoder
        encoder.window, encoder.positional_embedding = 2 * places, self.places[:places]
        memory = self.net.encode(features[:, : 2 * places], lengths)
        most = MOST_TOKENS_PER_S * int(lengths.max()) // FRAMES_PER_S + 10
        options = TaskOptions(
            language=self.language, timestamps=False, beams=1, max_tokens=min(most, 220)
        )
        task = DecodingTask(self.net, self.tokenizer, options)
        starts = [WindowStart(0.0, {}) for _ in recordings]
        generators = [torch.Generator() for _ in recordings]
        found = task.decode(memory, starts, 0.0, generators)
        return [(" ".join(result.text.split()), result.avg_logprob) for result in found]


def repeats(text: str) -> bool:
    words = text.split()
    half = len(words) // 2
    return compression_ratio(text) > MOST_REPETITION or (half > 0 and words[:half] == words[half:])


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def batches(rows: Sequence[Row], count: int) -> Iterator[list[Row]]:
    """Rows of like duration together, in an order in which every part is a fair sample."""
    ordered = sorted(rows, key=lambda row: float(row["duration_s"]))
    groups = [ordered[i : i + count] for i in range(0, len(ordered), count)]
    for i in torch.randperm(len(groups), generator=torch.Generator().manual_seed(1)).tolist():
        yield groups[i]


def hear(args: argparse.Namespace) -> None:
    rows = read(args.recordings)
    if not args.out.exists():
        args.out.write_text("\t".join(COLUMNS) + "\n", encoding="utf-8")
    done = {row["id"] for row in read(args.out)}
    missing = [row for row in rows if row["id"] not in done]
    if not missing:
        return
    teacher, count = Teacher(args.teacher, args.margin_s, args.dtype), len(done)
    for group in batches(missing, args.batch):
        found = teacher.hear([load(Path(row["path"])) for row in group])
        lines = [
            (row["id"], row["path"], text, row.get("speaker") or "unknown", row["duration_s"],
             row.get("corpus") or args.corpus, f"{sure:.3f}")
            for row, (text, sure) in zip(group, found, strict=True)
        ]  # fmt: skip
        with args.out.open("a", encoding="utf-8") as file:
            file.writelines("\t".join(line) + "\n" for line in lines)
        count += len(group)
        if count // 500 > (count - len(group)) // 500:
            print(f"heard {count} of {len(rows)}", flush=True)


def learnable(row: Row, sure: float) -> str:
    """The text of a row as training wants it; raises DroppedError."""
    if float(row["avg_logprob"]) < sure:
        raise DroppedError("not sure")
    if repeats(row["text"]):
        raise DroppedError("repeats itself")
    text = normalise(row["text"])
    least, most = (rate * float(row["duration_s"]) for rate in WORDS_PER_S)
    if not max(least, 1) <= len(text.split()) <= most:
        raise DroppedError("too few or many words for the duration")
    return text


def select(args: argparse.Namespace) -> None:
    kept, seconds, dropped = list[tuple[str, ...]](), 0.0, Counter[str]()
    for row in read(args.out):
        try:
            kept.append((*(row[name] for name in COLUMNS[:2]), learnable(row, args.sure),
                         *(row[name] for name in COLUMNS[3:6])))  # fmt: skip
            seconds += float(row["duration_s"])
        except DroppedError as reason:
            dropped[str(reason)] += 1
    lines = ["\t".join(line) for line in [COLUMNS[:6], *kept]]
    args.train.write_text("\n".join(lines) + "\n", encoding="utf-8")
    why = "".join(f"\n    dropped {count}: {reason}" for reason, count in dropped.most_common())
    print(f"{args.train}: {len(kept)} recordings, {seconds / 3600:.2f} h{why}")


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("recordings", type=Path, help="manifest with id, path, duration_s")
    parser.add_argument("out", type=Path, help="manifest of what was heard")
    parser.add_argument("--teacher", help="Whisper model; without it nothing more is heard")
    parser.add_argument("--margin-s", type=float, default=1.5, help="of window behind a recording")
    parser.add_argument("--batch", type=int, default=32, help="recordings heard at once")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "int8"), default="int8")
    parser.add_argument("--corpus", default="teacher", help="where the recordings do not say it")
    parser.add_argument("--train", type=Path, help="manifest to train on, of what is heard so far")
    parser.add_argument("--sure", type=float, default=-0.42, help="least mean log probability")
    args = parser.parse_args()
    if args.teacher:
        hear(args)
    if args.train:
        select(args)


if __name__ == "__main__":
    main()
