#!/usr/bin/env python3
"""Make the folder that ships of a finished run: weights in eight bits, the language model, the
lexicon of its words, the weights of the search that bench/tune_decoding.py found.

    python recipes/english-small/ship.py RUN --lm lm.safetensors --lexicon lexicon.txt \
        --out models/english-small --before LETTERS --speech train.tsv --origin licence=Apache-2.0

--mix takes a share of the weights of the model that the run started from: what was learnt of noise
costs clean speech less so (Wortsman et al. 2022, arXiv:2109.01903). The run knows its own last
stage only: --before names the runs before it, whose hours and minutes are added, and the hours of
the data are those of the manifests of --speech and --taught. What the run measured is not said of
this model: measure.py beside this file writes its error rates.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from attnasr_cli.checkpoint.folder import (
    LM_FILE,
    NEURAL_LM_FILE,
    SENTENCES_FILE,
    DecodingConfig,
    find_lm,
    find_neural_lm,
    find_sentences,
    load_model,
    read_header,
    save_model,
)
from attnasr_cli.text.phones import PhoneTokenizer
from attnasr_cli.training.optim import mixed

# Found on fifty utterances of the development speakers; see the model's card.
DECODING = DecodingConfig(
    beams=40,
    ctc_weight=1.0,
    lm_weight=0.8,
    neural_weight=0.8,
    word_bonus=-2.0,
    unknown_penalty=-4.0,
)


def read(value: str) -> Any:
    """A value as TOML, or as the text that it is."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


MEASURED = ("dev_wer", "dev_cer", "dev_utterances")


def hours(manifests: Sequence[Path]) -> str:
    """The hours of manifests, and of each corpus in them: "2.5 h (an4 1.5, kathleen 1.0)"."""
    seconds = Counter[str]()
    for manifest in manifests:
        with manifest.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                seconds[row["corpus"]] += float(row["duration_s"])
    parts = (f"{corpus} {each / 3600:.1f}" for corpus, each in seconds.most_common())
    return f"{sum(seconds.values()) / 3600:.1f} h ({', '.join(parts)})"


def origin_of(
    run: Mapping[str, Any],
    before: Sequence[Path],
    speech: Sequence[Path],
    taught: Sequence[Path],
    teacher: str,
) -> dict[str, Any]:
    """The origin of a model whose last run and the runs before it are these, with the data of the
    manifests."""
    origin = {key: value for key, value in run.items() if key not in MEASURED}
    runs = [run, *(read_header(folder).origin for folder in before)]
    origin["hours_seen"] = round(sum(each["hours_seen"] for each in runs), 1)
    origin["minutes"] = round(sum(each["minutes"] for each in runs), 1)
    data = [f"{hours(speech)} with its text"] if speech else []
    data += [f"{hours(taught)} with the text of {Path(teacher).name}"] if taught else []
    return {**origin, **({"data": "; ".join(data)} if data else {})}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder that attnasr train wrote")
    parser.add_argument("--lm", type=Path, required=True, help="language model file")
    parser.add_argument("--neural-lm", type=Path, help="neural language model file")
    parser.add_argument("--sentences", type=Path, help="sentence net file")
    parser.add_argument("--lexicon", type=Path, help="with more words than that of the run")
    parser.add_argument("--mix", type=Path, help="model folder that the run started from")
    parser.add_argument("--share", type=float, default=0.5, help="of --mix in the weights")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="english-small")
    parser.add_argument("--before", type=Path, nargs="*", default=[], help="runs before this one")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="manifests")
    parser.add_argument("--taught", type=Path, nargs="*", default=[], help="those of a teacher")
    parser.add_argument("--teacher", default="a teacher")
    parser.add_argument("--origin", nargs="*", default=[], help="key=value for model.toml")
    args = parser.parse_args()
    model = load_model(args.run)
    if args.mix:
        others = load_model(args.mix).net.state_dict()
        model.net.load_state_dict(mixed(model.net.state_dict(), others, args.share))
    args.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(args.lm, args.out / LM_FILE)
    if args.neural_lm:
        shutil.copyfile(args.neural_lm, args.out / NEURAL_LM_FILE)
    if args.sentences:
        shutil.copyfile(args.sentences, args.out / SENTENCES_FILE)
    header, tokenizer = model.header, model.tokenizer
    if args.lexicon:
        tokenizer = PhoneTokenizer.read(args.lexicon)
        if tokenizer.pieces != model.tokenizer.pieces:
            raise SystemExit("the lexicon has other phones than that of the run")
    origin = origin_of(header.origin, args.before, args.speech, args.taught, args.teacher)
    extra = {key: read(value) for key, _, value in (item.partition("=") for item in args.origin)}
    save_model(
        args.out,
        model.net,
        args.name,
        tokenizer,
        model.features,
        replace(DECODING, min_logprob=header.decoding.min_logprob),
        dtype=torch.int8,
        normalizer=header.text.normalizer,
        languages=header.languages,
        origin={**origin, **extra},
        lm=find_lm(args.out),
        sentences=find_sentences(args.out),
        neural_lm=find_neural_lm(args.out),
    )


if __name__ == "__main__":
    main()
