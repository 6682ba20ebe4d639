"""Seconds of audio that training takes in a second of one core, beside SpeechBrain: nets of the
same sizes, the same batches of recordings, reading and augmentation included, bfloat16.

    python bench/train_beside_speechbrain.py data.tsv two.tsv --updates 12 --runs 2

Needs `pip install --no-deps speechbrain hyperpyyaml ruamel.yaml joblib scipy`. SpeechBrain does
what its recipe LibriSpeech/ASR/transformer/conformer_small does. Both have one process and one
thread, and seconds are those of the CPU, so that other programs do not change them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from attnasr_cli.app import main as cli
from attnasr_cli.audio._torchaudio import torchaudio  # also for SpeechBrain, where CUDA is absent
from attnasr_cli.audio.load import load
from attnasr_cli.training.data.corpus import read_corpora
from attnasr_cli.training.reporting.log import RunLog

SIZES = {"width": 256, "heads": 4, "layers": 8, "hidden": 1024, "kernel": 31, "decoder_layers": 3}
PIECES, CTC = 256, 0.3
SKIPPED = 3  # updates before the time runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="corpus of utterances of similar length")
    parser.add_argument("dev", type=Path, help="a few utterances, evaluated at the end")
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--utterances", type=int, default=8, help="of a batch")
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    assert torchaudio is not None
    ratios = []
    for _ in range(args.runs):
        other, ours = speechbrain(args), attnasr(args)
        print(f"SpeechBrain {other:.1f}, attnasr {ours:.1f} audio-s in a CPU second", flush=True)
        ratios.append(ours / other)
    print("attnasr : SpeechBrain =", ", ".join(f"{ratio:.2f}" for ratio in ratios))


def speechbrain(args: argparse.Namespace) -> float:
    """With its own features, augmentation, loader, net and losses."""
    from speechbrain.augment.freq_domain import SpectrogramDrop
    from speechbrain.augment.time_domain import SpeedPerturb
    from speechbrain.dataio.dataloader import make_dataloader
    from speechbrain.dataio.dataset import DynamicItemDataset
    from speechbrain.lobes.features import Fbank
    from speechbrain.lobes.models.convolution import ConvolutionFrontEnd
    from speechbrain.lobes.models.transformer.TransformerASR import TransformerASR
    from speechbrain.nnet.losses import ctc_loss, kldiv_loss
    from speechbrain.processing.features import InputNormalization

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = {u.id: {"path": str(u.path), "size": len(u.text) // 3 + 1}
            for u in read_corpora([args.data], "lower")}  # fmt: skip
    dataset = DynamicItemDataset(rows)
    dataset.add_dynamic_item(load, takes="path", provides="sig")
    dataset.set_output_keys(["id", "sig", "size"])
    options = {"batch_size": args.utterances, "shuffle": True, "drop_last": True}
    front = ConvolutionFrontEnd(
        (args.utterances, 100, 80), 2, 1, out_channels=(64, 32), kernel_sizes=(3, 3),
        strides=(2, 2), residuals=(False, False),
    )  # fmt: skip
    net = TransformerASR(
        PIECES, 640, SIZES["width"], SIZES["heads"], SIZES["layers"], SIZES["decoder_layers"],
        SIZES["hidden"], 0.1, torch.nn.GELU, encoder_module="conformer", kernel_size=31,
        attention_type="RelPosMHAXL", normalize_before=True, causal=False,
    )  # fmt: skip
    heads = torch.nn.ModuleList(torch.nn.Linear(SIZES["width"], PIECES) for _ in range(2))
    whole = torch.nn.ModuleList([front, net, heads])
    print(f"SpeechBrain: {sum(p.numel() for p in whole.parameters()) / 1e6:.1f} M")
    optimizer = torch.optim.AdamW(whole.parameters(), 1e-4)
    speeds, mels = SpeedPerturb(16_000, [90, 100, 110]), Fbank(n_mels=80)
    normalize = InputNormalization(norm_type="sentence")
    drop = {"drop_length_low": 5, "drop_length_high": 30, "drop_count_low": 2, "drop_count_high": 2}
    drops = [SpectrogramDrop(dim=dim, replace="mean", **drop) for dim in (1, 2)]
    done, audio_s, began = 0, 0.0, 0.0
    while done < args.updates:
        for batch in make_dataloader(dataset, **options):
            sig, share = batch.sig
            texts = [torch.randint(3, PIECES, (int(n),)) for n in batch.size]
            padded = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
            sizes = torch.tensor([len(t) for t in texts]) / padded.shape[1]
            if done == SKIPPED:
                audio_s, began = 0.0, time.process_time()
            features = normalize(mels(speeds(sig)), share)
            for drop in drops:
                features = drop(features)
            first = torch.ones(len(texts), 1, dtype=torch.long)
            with torch.autocast("cpu", torch.bfloat16):
                encoded, decoded = net(front(features), torch.cat([first, padded], 1), share, 0)
                spelled, written = heads[0](encoded), heads[1](decoded)
            ctc = ctc_loss(spelled.float().log_softmax(-1), padded, share, sizes, 0)
            wanted = torch.cat([padded, 2 * first], 1)
            whole_size = sizes * padded.shape[1] / wanted.shape[1]
            attention = kldiv_loss(
                written.float().log_softmax(-1), wanted, whole_size, label_smoothing=0.1
            )
            (CTC * ctc + (1 - CTC) * attention).backward()
            torch.nn.utils.clip_grad_norm_(whole.parameters(), 5.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            audio_s += float((share * sig.shape[1]).sum()) / 16_000
            done += 1
            if done == args.updates:
                break
    return audio_s / (time.process_time() - began)


def attnasr(args: argparse.Namespace) -> float:
    """`attnasr train`, from the fourth update to the last."""
    lengths_s = [load(u.path).shape[0] / 16_000 for u in read_corpora([args.data], "lower")]
    batch_s = args.utterances * sum(lengths_s) / len(lengths_s)
    seen: list[tuple[float, float]] = []  # seconds of CPU so far, seconds of audio of an update
    update = RunLog.update

    def noted(self: RunLog, state: Any, losses: Any, audio_s: float, *more: Any) -> None:
        seen.append((time.process_time(), audio_s))
        update(self, state, losses, audio_s, *more)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(RunLog, "update", noted):
        recipe = Path(folder) / "recipe.toml"
        sizes = "\n".join(f"{name} = {value}" for name, value in SIZES.items())
        recipe.write_text(
            f'name = "x"\nnet = "conformer"\n[config]\n{sizes}\n[text]\nvocab = {PIECES}\n'
            f"[data]\nmax_s = 40.0\n[loss]\nctc = {CTC}\n[batch]\nseconds = {batch_s}\n"
            f"short_first = 0\n[optim]\nupdates = {args.updates}\n"
            f"[run]\nevaluate = {args.updates}\ndev_utterances = 1\n"
        )
        command = ["train", str(recipe), "-o", str(Path(folder) / "run"), "--dtype", "bfloat16"]
        command += ["--train", str(args.data), "--dev", str(args.dev)]
        if cli([*command, "--workers", "1", "--threads", "1"]):
            raise SystemExit("attnasr train failed")
    counted = seen[SKIPPED - 1 :]
    return sum(audio_s for _, audio_s in counted[1:]) / (counted[-1][0] - counted[0][0])


if __name__ == "__main__":
    main()
