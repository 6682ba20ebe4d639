"""How many seconds of audio a training step takes in a second: forward, losses, backward, update.

    python bench/train_speed.py --net conformer --threads 1 --set subsampling=8

One process; `attnasr train --workers N` runs N of them side by side.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from dataclasses import fields

import torch

from attnasr_cli.families.recipe.sections import LossConfig
from attnasr_cli.nets import find_net
from attnasr_cli.training.loss import losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--net", default="conformer")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=80.0, help="audio in a batch")
    parser.add_argument("--utterance", type=float, default=10.0, help="seconds of each")
    parser.add_argument("--ctc", type=float, default=0.3, help="share of CTC in the loss")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--set", action="append", default=[], help="size of the net: key=value")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    cls = find_net(args.net)
    sizes = {k: v for item in args.set for k, v in tomllib.loads(item).items()}
    known = {f.name for f in fields(cls.Config)}
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in sizes.items() if k in known}
    net = cls(cls.Config(vocab=300, **sizes)).train()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4, fused=True)
    count, frames = round(args.seconds / args.utterance), round(args.utterance * 100)
    features, lengths = torch.randn(count, frames, 80), torch.full((count,), frames)
    targets = [[3 + (i * 7) % 290 for i in range(round(args.utterance * 4))]] * count

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = losses(net, features, lengths, targets, 1, 2, LossConfig(ctc=args.ctc)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(2):
        step()
    began = time.perf_counter()
    for _ in range(args.steps):
        step()
    each = (time.perf_counter() - began) / args.steps
    size = sum(p.numel() for p in net.parameters()) / 1e6
    print(f"{args.net} {size:.1f} M, {args.threads} threads: {count * args.utterance / each:.0f} x")


if __name__ == "__main__":
    main()
