"""Whisper on a CPU: attnasr in every --dtype beside faster-whisper's engine, on the same weights.

Random weights of a real shape are written once as a Hugging Face folder and converted for
CTranslate2; both then decode the same windows to the same number of tokens (the end token is
suppressed in both). Runs take turns and the best of them counts, so that a busy machine hurts all
alike; the peer has a process of its own, as it would have without us. Printed are seconds, and how
many times faster each dtype is than faster-whisper in int8.

    python bench/whisper_cpu.py --sizes tiny,base --batch 1,8 --beams 1,5 --threads 2

With random weights it also says how often the most probable token of a dtype is that of float32;
such weights make every choice a close one, so that this bounds what a trained net would do.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from whisper_weights import vocabulary, write

from attnasr_cli.device import choose, cpu_has_bfloat16
from attnasr_cli.families.threads import few_threads, spread
from attnasr_cli.families.whisper.decode.decoding import step_bytes
from attnasr_cli.families.whisper.net.fast import accelerate
from attnasr_cli.families.whisper.net.model import Whisper
from attnasr_cli.search.beam import SearchConfig, search
from attnasr_cli.search.rules import Suppress

DTYPES = ("auto", "bfloat16", "int8", "float32")
PEER = "faster-whisper int8"
CLOCK: Callable[[], float] = time.perf_counter
"""wall time; processor time with --cpu-time, which a busy machine changes less"""
Seconds = tuple[float, float]
"""of the encoder, of the decoder"""
Run = Callable[[], Seconds]


def ours(net: Whisper, features: torch.Tensor, prompt: list[int], eot: int, n: int, k: int) -> Run:
    """Encode and decode a batch (B, T, F) to n tokens with k beams, shared among threads as
    ``transcribe`` does."""
    config, device = SearchConfig(k, None, nbest=1), torch.device("cpu")

    @torch.inference_mode()
    def share(windows: list[torch.Tensor]) -> list[Seconds]:
        some = torch.stack(windows)
        start = torch.tensor([prompt] * len(windows))
        begin = CLOCK()
        memory = net.encode(some, torch.full((len(windows),), some.shape[1]))
        middle = CLOCK()
        with few_threads(step_bytes(net, memory)):
            found = search(net, memory, start, eot, n, config, [Suppress([eot])])
        end = CLOCK()
        assert all(len(hypotheses[0].tokens) == n for hypotheses in found)
        return [(middle - begin, end - middle)] * len(windows)

    return lambda: max(spread(share, features.unbind(), device), key=sum)


class Peer:
    """CTranslate2, as faster-whisper calls it, in a process that waits for its turns."""

    def __init__(self, folder: Path, threads: int, cpu_time: bool) -> None:
        self.pipe, far = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        args = (far, str(folder), threads, cpu_time)
        self.process = context.Process(target=_serve, args=args, daemon=True)
        self.process.start()

    def run(self, features: torch.Tensor, prompt: list[int], eot: int, n: int, k: int) -> Run:
        array = np.ascontiguousarray(features.transpose(1, 2).numpy())

        def once() -> Seconds:
            self.pipe.send((array, prompt, eot, n, k))
            found: Seconds = self.pipe.recv()
            return found

        return once

    def close(self) -> None:
        self.process.kill()
        self.process.join()


def _serve(pipe: Connection[Any, Any], folder: str, threads: int, cpu_time: bool) -> None:
    import ctranslate2  # type: ignore[import-untyped]

    clock = time.process_time if cpu_time else time.perf_counter
    model = ctranslate2.models.Whisper(
        folder, device="cpu", compute_type="int8", intra_threads=threads
    )
    while True:
        array, prompt, eot, n, k = pipe.recv()
        begin = clock()
        encoded = model.encode(ctranslate2.StorageView.from_array(array), to_cpu=False)
        middle = clock()
        found = model.generate(
            encoded, [prompt] * len(array), beam_size=k, suppress_tokens=[eot],
            max_length=2 * n, suppress_blank=False,
        )  # fmt: skip
        end = clock()
        lengths = {len(result.sequences_ids[0]) for result in found}
        assert all(abs(length - n) <= 1 for length in lengths), lengths
        pipe.send((middle - begin, end - middle))


def make(size: str, folder: Path) -> Whisper:
    """Random weights as a Hugging Face folder and, beside it, converted to int8."""
    import ctranslate2

    import attnasr_cli.audio._torchaudio  # noqa: F401 - the converter imports torchaudio

    net = write(size, folder / "hf")
    converter = ctranslate2.converters.TransformersConverter(str(folder / "hf"))
    converter.convert(str(folder / "ct2"), quantization="int8")
    return net


def form(net: Whisper, dtype: str) -> Whisper:
    """The net as ``transcribe --dtype`` computes it."""
    chosen = choose("cpu", dtype).dtype
    return accelerate(net, torch.device("cpu"), chosen, low_encoder=cpu_has_bfloat16())


@torch.inference_mode()
def agreement(net: Whisper, fast: Whisper, features: torch.Tensor, prompt: list[int]) -> float:
    """Share of positions where the most probable next token is that of ``net``."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, 50000, (len(features), 100), generator=generator)
    tokens = torch.cat([torch.tensor([prompt] * len(features)), tokens], 1)
    lengths = torch.full((len(features),), features.shape[1])
    best = [m.decode(m.encode(features, lengths), tokens).argmax(-1) for m in (net, fast)]
    return float((best[0] == best[1]).float().mean())


def bench(size: str, args: argparse.Namespace) -> None:
    tokenizer = vocabulary()
    prompt, eot, n = tokenizer.start("en", "transcribe", False), tokenizer.eot, args.tokens
    with tempfile.TemporaryDirectory() as name:
        net = make(size, Path(name))
        forms = {dtype: form(net, dtype) for dtype in args.dtypes.split(",")}
        peer = Peer(Path(name) / "ct2", args.threads, args.cpu_time)
        for batch in map(int, args.batch.split(",")):
            features = torch.randn(batch, 3000, net.config.mels)
            for k in map(int, args.beams.split(",")):
                runs = {key: ours(f, features, prompt, eot, n, k) for key, f in forms.items()}
                runs[PEER] = peer.run(features, prompt, eot, n, k)
                report(f"{size}, batch {batch}, beam {k}, {n} tokens", runs, args.repeats)
        peer.close()
        shares = {key: agreement(net, f, features[:1], prompt) for key, f in forms.items()}
        print(f"{size}, tokens as in float32: " + str({k: f"{s:.0%}" for k, s in shares.items()}))


def report(title: str, runs: dict[str, Run], repeats: int) -> None:
    """A column for each dtype and the peer, the ratios in the last line."""
    best: dict[str, Seconds] = {}
    for _ in range(repeats + 1):  # the first round warms up and counts too: the best is kept
        for key, run in runs.items():
            found = run()
            best[key] = min(best.get(key, found), found, key=sum)
    columns = [
        (key, f"{e:.2f} s", f"{d:.2f} s", f"{e + d:.2f} s", f"{sum(best[PEER]) / (e + d):.2f}×")
        for key, (e, d) in best.items()
    ]
    print(f"\n{title}")
    for label, cells in zip(
        ("", "encode", "decode", "sum", "times faster"), zip(*columns, strict=True), strict=True
    ):
        print(f"{label:<13}" + "".join(f"{cell:>{len(PEER) + 2}}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default="tiny,base")
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--beams", default="1,5")
    parser.add_argument("--dtypes", default=",".join(DTYPES))
    parser.add_argument("--tokens", type=int, default=52)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cpu-time", action="store_true", help="of all threads; use --threads 1")
    args = parser.parse_args()
    if args.cpu_time:
        global CLOCK
        CLOCK = time.process_time
    torch.set_num_threads(args.threads)
    flags = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__}, {flags}, {args.threads} threads; {choose('cpu').reason}")
    for size in args.sizes.split(","):
        bench(size, args)


if __name__ == "__main__":
    main()
