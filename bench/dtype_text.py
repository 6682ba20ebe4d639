"""Whether a precision changes the text: each --dtype beside float32 on the same recordings.

    python bench/dtype_text.py MODEL data.tsv [--dtypes auto bfloat16] [--limit 250]

Every utterance is decoded whole, with the model's own settings. Printed for each dtype: seconds,
its WER against the references, and how far its words are from those of float32 (a WER with
float32's text as the reference).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from attnasr_cli.audio.load import load
from attnasr_cli.recognize import recognizer
from attnasr_cli.scoring.api import score
from attnasr_cli.training.formats.read import read_data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--dtypes", nargs="+", default=["auto", "bfloat16"])
    parser.add_argument("--limit", type=int, help="utterances, spread over the set")
    args = parser.parse_args()
    utterances = read_data(args.data)
    if args.limit:
        utterances = utterances[:: max(len(utterances) // args.limit, 1)][: args.limit]
    samples = [load(u.path) for u in utterances]
    references = {u.id: u.text for u in utterances}
    plain: dict[str, str] = {}
    for dtype in ["float32", *args.dtypes]:
        model = recognizer.load(args.model, device="cpu", dtype=dtype)
        began = time.perf_counter()
        texts = dict(zip(references, model.texts(samples), strict=True))
        took = time.perf_counter() - began
        plain = plain or texts
        wer = score(references, texts).wer
        apart = score(plain, texts)
        print(
            f"{dtype} ({model.placements[0].dtype}): {took:.1f} s, WER {wer:.2%}, from float32's "
            f"text {apart.wer:.2%} ({apart.words.errors} of {apart.words.reference} words)",
            flush=True,
        )


if __name__ == "__main__":
    main()
