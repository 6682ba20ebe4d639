#!/usr/bin/env python3
"""Measure a model folder on a development set, and write the figures into its model.toml.

    python recipes/english-small/measure.py MODEL dev.tsv

What is written into [origin], dev_wer, dev_cer, dev_utterances and the command, is what the
command gives: the model's own decoding, as ``attnasr score --model`` has it. The card is written,
too, unless it is somebody's own text.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path

from attnasr_cli.checkpoint.folder import Header, load_model, read_header, write_header
from attnasr_cli.scoring.api import score
from attnasr_cli.scoring.hypotheses import transcribe
from attnasr_cli.scoring.read.load import load
from attnasr_cli.scoring.types import REF, Want
from attnasr_cli.scoring.wer import Score
from attnasr_cli.training.card import write_card

NORMALIZER = "lower"


def measure(model: Path, dev: Path) -> Score:
    """The score of a model on the recordings of a manifest. Raises DataError, ModelError."""
    references = load(dev, Want(REF))
    heard = transcribe(references, str(model.resolve()))
    sides = ({one.id: one.text for one in side.utterances} for side in (references, heard))
    return score(*sides, NORMALIZER)


def with_figures(header: Header, found: Score, dev: str) -> Header:
    """A header whose origin says what was found on the manifest of this name, and how."""
    command = f"attnasr score {shlex.quote(dev)} --model {shlex.quote(header.name)}"
    figures = {
        "dev_wer": round(found.wer, 4),
        "dev_cer": round(found.cer, 4),
        "dev_utterances": found.utterances,
        "command": f"{command} --normalizer {NORMALIZER}",
    }
    return replace(header, origin={**header.origin, **figures})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("dev", type=Path, help="manifest of recordings that it has not learnt from")
    args = parser.parse_args()
    header = with_figures(read_header(args.model), measure(args.model, args.dev), args.dev.name)
    write_header(args.model, header)
    net = load_model(args.model).net
    write_card(args.model, header, sum(parameter.numel() for parameter in net.parameters()))
    origin = header.origin
    print(
        f"{args.model}: WER {origin['dev_wer']:.2%}, CER {origin['dev_cer']:.2%} on "
        f"{origin['dev_utterances']} utterances"
    )


if __name__ == "__main__":
    main()
