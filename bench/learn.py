"""Does a net learn at all? A few dozen short utterances to WER 0, before any long run.

    python bench/learn.py manifest.tsv --net las --updates 700

Prints the WER on the same utterances every 50 updates and stops at 0.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

from attnasr_cli.audio.features import FeatureConfig, log_mel
from attnasr_cli.audio.frames import pad
from attnasr_cli.audio.load import load
from attnasr_cli.families.native.joint_search import JointSearch
from attnasr_cli.families.recipe.sections import LossConfig
from attnasr_cli.nets import find_net
from attnasr_cli.scoring.api import score
from attnasr_cli.text.chars import CharTokenizer
from attnasr_cli.training.formats.read import read_data
from attnasr_cli.training.loss import losses

SIZES = {
    "las": {"width": 256, "layers": 3, "decoder_width": 256, "dropout": 0.0},
    "transformer": {"width": 192, "layers": 6, "hidden": 768, "dropout": 0.0},
    "conformer": {"width": 192, "layers": 6, "hidden": 768, "dropout": 0.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--net", choices=SIZES, default="conformer")
    parser.add_argument("--updates", type=int, default=700)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    args = parser.parse_args()
    utterances = [replace(u, text=u.text.lower()) for u in read_data(args.manifest)]
    tokenizer = CharTokenizer.train(u.text for u in utterances)
    features = [log_mel(load(u.path), FeatureConfig()) for u in utterances]
    torch.manual_seed(0)
    cls = find_net(args.net)
    net = cls(cls.Config(vocab=tokenizer.vocab_size, **SIZES[args.net])).train()
    optimizer = torch.optim.AdamW(net.parameters(), args.rate, betas=(0.9, 0.98), fused=True)
    began = time.perf_counter()
    for update in range(1, args.updates + 1):
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(update / 100, 1.0)
        chosen = torch.randperm(len(utterances))[: args.batch].tolist()
        x, lengths = pad([features[i] for i in chosen])
        targets = [tokenizer.encode(utterances[i].text) for i in chosen]
        with torch.autocast("cpu", torch.bfloat16):
            loss = losses(
                net, x, lengths, targets, tokenizer.bos, tokenizer.eos, LossConfig(ctc=0.5)
            )
        optimizer.zero_grad()
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        if update % 50 == 0:
            net.eval()
            search = JointSearch(net, tokenizer.bos, tokenizer.eos, 0.3 if net.has_ctc else 0.0)
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                memory = net.encode(*pad(features))
                found = search(memory, net.ctc(memory) if net.has_ctc else None)
            texts = [tokenizer.decode(hypotheses[0].tokens) for hypotheses in found]
            net.train()
            found = score(
                {u.id: u.text for u in utterances},
                {u.id: t for u, t in zip(utterances, texts, strict=True)},
            )
            minutes = (time.perf_counter() - began) / 60
            print(
                f"{args.net} update {update}, {minutes:.1f} min: loss {float(loss.total):.3f}, "
                f"WER {found.wer:.1%}",
                flush=True,
            )
            if found.wer == 0:
                return


if __name__ == "__main__":
    main()
