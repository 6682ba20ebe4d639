"""Canary or Cohere Transcribe on a CPU beside transformers' ``generate``; the memory of loading.

Random weights of the real shapes (or ``--layers`` of them), greedy, all in one precision, the same
clips and the same number of tokens for both (the end token is suppressed). Runs take turns and the
best of them counts; with --cpu-time processor time is compared, which a busy machine changes less.

    python bench/canary_cpu.py --layers 4 --seconds 10 --batch 8 --threads 2 --dtype bfloat16
    python bench/canary_cpu.py --cohere --layers 4 --threads 1 --cpu-time
    python bench/canary_cpu.py --memory /tmp/two-billion     # writes 4 GB, loads it, deletes it
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import attnasr_cli.audio._torchaudio  # noqa: F401
from attnasr_cli.device import Placement, keep_freed_memory
from attnasr_cli.families.common.fast import placed
from attnasr_cli.families.fastconformer.checkpoint import names_of, read_net
from attnasr_cli.families.fastconformer.config import config_to_hf
from attnasr_cli.families.fastconformer.features import NemoMel
from attnasr_cli.families.fastconformer.net import CohereTranscribe, FastConformerConfig
from attnasr_cli.families.fastconformer.published import CANARY, COHERE
from attnasr_cli.families.threads import spread
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.search.rules import Suppress

TOKENS = 40
"""four a second, as people speak"""
END = 3
PROMPT = [7, 4, 16, 62, 62, 5, 9, 11, 13]
CPU = torch.device("cpu")
LARGE = FastConformerConfig(
    width=1280, hidden=5120, layers=48, bridge=True, learned_positions=True, tied=False
)
"""Cohere Transcribe: two billion parameters"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--cohere", action="store_true", help="Cohere Transcribe")
    parser.add_argument("--memory", type=Path, metavar="FOLDER")
    parser.add_argument("--load", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.load is not None:
        load(args.load)
    elif args.memory is not None:
        memory(args.memory)
    else:
        speed(args)


def speed(args: argparse.Namespace) -> None:
    """Ours against ``generate``, with weights that are the same."""
    import transformers

    keep_freed_memory()  # as the command line does
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    kind, config = CANARY, FastConformerConfig(layers=args.layers)
    whole, sizes = transformers.CanaryForConditionalGeneration, transformers.CanaryConfig
    if args.cohere:
        kind, config = COHERE, dataclasses.replace(LARGE, layers=args.layers)
        whole, sizes = transformers.CohereAsrForConditionalGeneration, transformers.CohereAsrConfig
    theirs = whole(sizes(**config_to_hf(config, kind, {}))).eval().to(getattr(torch, args.dtype))
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        read = read_net(kind, Path(folder), config)
    net = placed(read, Placement(CPU, args.dtype, "for a measurement"))
    clips = [0.1 * torch.randn(int(args.seconds * 16_000)) for _ in range(args.batch)]
    features, lengths = NemoMel(128)(clips)
    mask = torch.arange(features.shape[1]) < lengths[:, None]
    prompt, greedy = torch.tensor([PROMPT] * args.batch), SearchConfig()

    def ours(rows: list[int]) -> list[Any]:
        memory = net.encode(features[rows], lengths[rows])
        return search(net, memory, prompt[rows], END, TOKENS, greedy, [Suppress([END])])

    def generate() -> Any:
        return theirs.generate(
            input_features=features.to(theirs.dtype), attention_mask=mask,
            decoder_input_ids=prompt, eos_token_id=END, pad_token_id=2, min_new_tokens=TOKENS,
            max_new_tokens=TOKENS, do_sample=False, num_beams=1,
        )  # fmt: skip

    kinds: dict[str, Callable[[], Any]] = {
        "ours": lambda: spread(ours, list(range(args.batch)), CPU),
        "transformers": generate,
        "our encoder": lambda: net.encode(features, lengths),
        "their encoder": lambda: theirs.model.encoder(
            features.to(theirs.dtype), attention_mask=mask
        ),
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
        print(f"{name:<15} {seconds:7.3f} s")
    print(f"ours is {best['transformers'] / best['ours']:.2f} times as fast")


def memory(folder: Path) -> None:
    """Write two billion parameters in bfloat16, and load them in a process of their own."""
    folder.mkdir(parents=True)
    try:
        where: dict[str, str] = {}
        with torch.device("meta"):
            shapes = CohereTranscribe(LARGE).state_dict()
        block = torch.randn(1 << 22).bfloat16()
        shard: dict[str, torch.Tensor] = {}
        size = parameters = 0
        for i, (own, tensor) in enumerate(shapes.items()):
            for name in names_of(COHERE, False).to_hf(own):
                count = tensor.numel() // len(names_of(COHERE, False).to_hf(own))
                shape = (count // tensor.shape[1:].numel(), *tensor.shape[1:])
                shard[name] = block.repeat(-(-count // block.numel()))[:count].view(shape).clone()
                size, parameters = size + 2 * count, parameters + count
            if size > 1 << 29 or i + 1 == len(shapes):
                file = f"model-{len(set(where.values())):05}.safetensors"
                save_file(shard, folder / file)
                where |= dict.fromkeys(shard, file)
                shard, size = {}, 0
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
        table = config_to_hf(LARGE, COHERE, {})
        (folder / "config.json").write_text(json.dumps(table))
        print(f"{parameters / 1e9:.2f} billion parameters in {len(set(where.values()))} files")
        subprocess.run([sys.executable, __file__, "--load", str(folder)], check=True)
    finally:
        shutil.rmtree(folder)


def load(folder: Path) -> None:
    """Load the weights and print what the process took at most."""
    before = high_water()
    net = read_net(COHERE, folder, LARGE)
    held = sum(p.nbytes for p in net.state_dict().values())
    print(f"weights {held / 1e9:.2f} GB; process {before:.2f} GB before, {high_water():.2f} GB")


def high_water() -> float:
    """GB that this process took at most. (``ru_maxrss`` begins with what its parent took.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e9
    raise RuntimeError("the kernel does not say")


if __name__ == "__main__":
    main()
