"""Try weights of the search on a development set and print the WER of each.

    python bench/tune_decoding.py MODEL dev.tsv --limit 100 --ctc 0.5 1.0 --lm 0.3 0.5 --bonus 0 1

The encoder runs once; each setting is only a search.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import torch

from attnasr_cli.audio.features import LogMel
from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.audio.load import load
from attnasr_cli.families import models
from attnasr_cli.families.batching import pack
from attnasr_cli.families.native.decoder import in_float32
from attnasr_cli.families.native.detokenize import written_texts
from attnasr_cli.families.native.joint_search import JointSearch
from attnasr_cli.lm.scorer import AHEAD_WORDS, NgramScorer
from attnasr_cli.scoring.api import score
from attnasr_cli.training.formats.read import read_data


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--lm-file", type=Path, help="default: the model's own")
    parser.add_argument("--limit", type=int, default=100, help="utterances, spread over the set")
    parser.add_argument("--beams", type=int, nargs="+", default=[8])
    parser.add_argument("--ctc", type=float, nargs="+", default=[0.5])
    parser.add_argument("--lm", type=float, nargs="+", default=[0.0])
    parser.add_argument("--bonus", type=float, nargs="+", default=[0.0])
    parser.add_argument("--unknown", type=float, nargs="+", default=[-4.0])
    parser.add_argument("--ahead", type=int, default=AHEAD_WORDS, help="words to look ahead with")
    args = parser.parse_args()
    model = models.load(args.model)
    utterances = read_data(args.data)
    utterances = utterances[:: max(len(utterances) // args.limit, 1)][: args.limit]
    samples = [load(u.path) for u in utterances]
    references = {u.id: u.text for u in utterances}
    tokenizer, net = model.tokenizer, model.net
    memories = []
    extract = LogMel(model.features)
    for batch in pack([len(s) / SAMPLE_RATE_HZ for s in samples], 60.0):
        features, lengths = extract([samples[i] for i in batch])
        with torch.autocast("cpu", torch.bfloat16):
            memory = net.encode(features, lengths)
            memories.append((batch, in_float32(memory), net.ctc(memory).float()))
    file = args.lm_file or model.lm_path
    lm = None
    if file and any(args.lm):
        spoken = getattr(tokenizer, "spoken", None)
        lm = NgramScorer(
            file,
            tokenizer.pieces,
            tokenizer.encode,
            tokenizer.eos,
            spoken=spoken,
            ahead_words=args.ahead,
        )
    audio_s = sum(len(s) for s in samples) / SAMPLE_RATE_HZ
    grid = itertools.product(args.beams, args.ctc, args.lm, args.bonus, args.unknown)
    for beams, ctc, weight, bonus, unknown in grid:
        hypotheses: dict[str, str] = {}
        began = time.perf_counter()
        for batch, memory, logits in memories:
            if weight and lm:
                lm.weight, lm.word_bonus, lm.unknown_penalty = weight, bonus, unknown
            scorers = (lm,) if weight and lm else ()
            search = JointSearch(
                model.net, tokenizer.bos, tokenizer.eos, ctc, beams, scorers=scorers
            )
            found = search(memory, logits)
            rows = [best[0].tokens for best in found]
            texts = written_texts(tokenizer, lm if weight else None, rows)
            hypotheses |= {utterances[i].id: t for i, t in zip(batch, texts, strict=True)}
        took = time.perf_counter() - began
        found = score(references, hypotheses, "lower")
        print(
            f"beams {beams} ctc {ctc} lm {weight} bonus {bonus} unknown {unknown}: "
            f"WER {found.wer:.2%} CER {found.cer:.2%}, search {audio_s / took:.0f} x real time",
            flush=True,
        )


if __name__ == "__main__":
    main()
