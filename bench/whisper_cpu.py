"""Whisper on a CPU: attnasr's forms of a net beside faster-whisper's engine, on the same weights.

Random weights of a real shape are written once as a Hugging Face folder and converted for
CTranslate2; both then decode the same windows to the same number of tokens (the end token is
suppressed in both). Runs take turns and the best of them counts, so that a busy machine hurts all
alike. Printed are seconds, and how many times faster each form is than faster-whisper in int8.

    python bench/whisper_cpu.py --sizes tiny,base --batch 1,8 --beams 1,5 --threads 2
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from attnasr_cli.checkpoint.whisper import save_hf
from attnasr_cli.decode.rules import Suppress
from attnasr_cli.decode.search import SearchConfig, search
from attnasr_cli.nets.whisper import Whisper, WhisperConfig
from attnasr_cli.nets.whisper_fast import accelerate
from attnasr_cli.text.whisper_tokenizer import WhisperTokenizer
from attnasr_cli.text.whisper_vocabulary import find_ranks, read_vocabulary

SIZES = {
    "tiny": WhisperConfig(),
    "base": WhisperConfig(width=512, audio_heads=8, audio_layers=6, text_heads=8, text_layers=6),
    "small": WhisperConfig(
        width=768, audio_heads=12, audio_layers=12, text_heads=12, text_layers=12
    ),
}
FORMS = {
    "float32": ("float32", False),
    "bfloat16": ("bfloat16", False),
    "int8": ("int8", False),
    "int8, encoder bfloat16": ("int8", True),
}
PEER = "faster-whisper int8"
CLOCK: Callable[[], float] = time.perf_counter
"""wall time; processor time with --cpu-time, which a busy machine changes less"""
Run = Callable[[], tuple[float, float]]
"""one run → seconds of the encoder, seconds of the decoder"""


def ours(net: Whisper, features: torch.Tensor, prompt: list[int], eot: int, n: int, k: int) -> Run:
    """Encode and decode a batch (B, T, F) to n tokens with k beams."""
    lengths = torch.full((features.shape[0],), features.shape[1])
    start = torch.tensor([prompt] * features.shape[0])
    config = SearchConfig(k, None, nbest=1)

    @torch.inference_mode()
    def run() -> tuple[float, float]:
        begin = CLOCK()
        memory = net.encode(features, lengths)
        middle = CLOCK()
        found = search(net, memory, start, eot, n, config, [Suppress([eot])])
        end = CLOCK()
        assert all(len(hypotheses[0].tokens) == n for hypotheses in found)
        return middle - begin, end - middle

    return run


def theirs(folder: Path, features: torch.Tensor, prompt: list[int], eot: int, n: int, k: int,
           threads: int) -> Run:  # fmt: skip
    """The same in CTranslate2, as faster-whisper calls it."""
    import ctranslate2

    model = ctranslate2.models.Whisper(
        str(folder), device="cpu", compute_type="int8", intra_threads=threads
    )
    array = np.ascontiguousarray(features.transpose(1, 2).numpy())

    def run() -> tuple[float, float]:
        begin = CLOCK()
        encoded = model.encode(ctranslate2.StorageView.from_array(array), to_cpu=False)
        middle = CLOCK()
        found = model.generate(
            encoded, [prompt] * len(array), beam_size=k, suppress_tokens=[eot],
            max_length=2 * n, suppress_blank=False,
        )  # fmt: skip
        end = CLOCK()
        lengths = {len(result.sequences_ids[0]) for result in found}
        assert all(abs(length - n) <= 1 for length in lengths), lengths
        return middle - begin, end - middle

    return run


def make(config: WhisperConfig, tokenizer: WhisperTokenizer, folder: Path) -> Whisper:
    """Random weights as a Hugging Face folder and, beside it, converted to int8."""
    import ctranslate2

    import attnasr_cli.audio._torchaudio  # noqa: F401 - the converter imports torchaudio

    torch.manual_seed(0)
    net = Whisper(config).eval()
    save_hf(folder / "hf", net, tokenizer)
    converter = ctranslate2.converters.TransformersConverter(str(folder / "hf"))
    converter.convert(str(folder / "ct2"), quantization="int8")
    return net


def bench(size: str, batches: list[int], beams: list[int], args: argparse.Namespace) -> None:
    tokenizer = read_vocabulary(find_ranks(51865) or Path("multilingual.tiktoken"), 51865)
    prompt = tokenizer.start("en", "transcribe", False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        net = make(SIZES[size], tokenizer, folder)
        forms = {
            key: accelerate(net, torch.device("cpu"), *FORMS[key])
            for key in FORMS
            if not args.forms or key in args.forms.split(";")
        }
        for batch in batches:
            features = torch.randn(batch, 3000, net.config.mels)
            for k in beams:
                n = args.tokens
                runs = {
                    key: ours(form, features, prompt, tokenizer.eot, n, k)
                    for key, form in forms.items()
                }
                runs[PEER] = theirs(
                    folder / "ct2", features, prompt, tokenizer.eot, n, k, args.threads
                )
                report(f"{size}, batch {batch}, beam {k}, {n} tokens", runs, args.repeats)


def report(title: str, runs: dict[str, Run], repeats: int) -> None:
    best: dict[str, tuple[float, float]] = {}
    for _ in range(repeats + 1):  # the first round warms up and counts too: the best is kept
        for key, run in runs.items():
            found = run()
            best[key] = min(best.get(key, found), found, key=sum)
    peer = sum(best[PEER])
    print(f"\n{title}\n{'':<24}{'encode':>9}{'decode':>9}{'sum':>9}{'times':>8}")
    for key, (encode, decode) in best.items():
        total = encode + decode
        print(
            f"{key:<24}{encode:>8.2f}s{decode:>8.2f}s{total:>8.2f}s{peer / total:>8.2f}", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default="tiny,base")
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--beams", default="1,5")
    parser.add_argument("--tokens", type=int, default=52)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--forms", default="", help="some of them, between ;")
    parser.add_argument("--cpu-time", action="store_true", help="of all threads; use --threads 1")
    args = parser.parse_args()
    if args.cpu_time:
        global CLOCK
        CLOCK = time.process_time
    torch.set_num_threads(args.threads)
    flags = torch.backends.cpu.get_cpu_capability()
    print(f"torch {torch.__version__}, {flags}, {args.threads} threads", flush=True)
    for size in args.sizes.split(","):
        bench(size, [int(b) for b in args.batch.split(",")],
              [int(k) for k in args.beams.split(",")], args)  # fmt: skip


if __name__ == "__main__":
    main()
