"""Moonshine on a CPU: tiny beside our Whisper tiny, and each beside ``generate`` of transformers.

Random weights of the real shapes, greedy, all in one precision, the same clips and the same number
of tokens for all (the end token is suppressed). Runs take turns and the best of them counts, so
that a busy machine hurts all alike; with --cpu-time processor time is compared, which it changes
less.

    python bench/moonshine_cpu.py --seconds 10 --batch 8 --threads 2 --dtype bfloat16
    python bench/moonshine_cpu.py --streaming --threads 1 --cpu-time
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import attnasr_cli.audio._torchaudio  # noqa: F401
from attnasr_cli.device import Placement, keep_freed_memory
from attnasr_cli.families.common.fast import placed
from attnasr_cli.families.moonshine.checkpoint import read_net
from attnasr_cli.families.threads import spread
from attnasr_cli.families.whisper.features import WhisperMel
from attnasr_cli.families.whisper.net.fast import accelerate
from attnasr_cli.families.whisper.net.model import Whisper, WhisperConfig
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.search.rules import Suppress

TOKENS = 40
"""four a second, as people speak"""
OURS = "Moonshine"
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--streaming", action="store_true", help="Moonshine Streaming tiny")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    args = parser.parse_args()
    placement = Placement(CPU, args.dtype, "for a measurement")
    keep_freed_memory()  # as the command line does
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    clips = 0.1 * torch.randn(args.batch, int(args.seconds * 16_000))
    import transformers

    if args.streaming:
        # The default configuration has no num_key_value_heads, and cannot be computed.
        theirs = transformers.MoonshineStreamingForConditionalGeneration(
            transformers.MoonshineStreamingConfig(num_key_value_heads=8)
        ).eval()
    else:
        theirs = transformers.MoonshineForConditionalGeneration(
            transformers.MoonshineConfig(max_position_embeddings=194, pad_token_id=2)
        ).eval()
    mask = torch.ones(clips.shape, dtype=torch.long)  # the windows are kept with it only
    given = {"attention_mask": mask} if args.streaming else {}
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        moonshine = placed(read_net(Path(folder)), placement)
    theirs = theirs.to(getattr(torch, args.dtype))
    whisper = accelerate(Whisper(WhisperConfig()).eval(), CPU, args.dtype)
    mel, greedy = WhisperMel(80), SearchConfig()

    def ours(samples: list[torch.Tensor]) -> list[Any]:
        batch = torch.stack(samples)
        lengths = torch.full((len(samples),), batch.shape[1])
        memory = moonshine.encode_samples(batch, lengths)
        prompt = torch.ones(len(samples), 1, dtype=torch.long)
        return search(moonshine, memory, prompt, 2, TOKENS, greedy, [Suppress([2])])

    def windows(samples: list[torch.Tensor]) -> list[Any]:
        memory = whisper.encode(*mel(samples))
        prompt = torch.tensor([[50258, 50259, 50359, 50363]] * len(samples))
        return search(whisper, memory, prompt, 50257, TOKENS, greedy, [Suppress([50257])])

    def generate() -> Any:
        return theirs.generate(
            clips.to(theirs.dtype), min_new_tokens=TOKENS, max_new_tokens=TOKENS, do_sample=False,
            num_beams=1, **given,
        )  # fmt: skip

    kinds: dict[str, Callable[[], Any]] = {
        OURS: lambda: spread(ours, clips.unbind(), CPU),
        "Whisper tiny": lambda: spread(windows, clips.unbind(), CPU),
        "transformers": generate,
    }
    clock = time.process_time if args.cpu_time else time.perf_counter
    best = dict.fromkeys(kinds, float("inf"))
    with torch.inference_mode():
        for _ in range(args.runs):
            for name, run in kinds.items():
                begin = clock()
                run()
                best[name] = min(best[name], clock() - begin)
    for name, seconds in best.items():
        print(f"{name:<15} {seconds:7.3f} s  {OURS} is {seconds / best[OURS]:.2f} times as fast")


if __name__ == "__main__":
    main()
