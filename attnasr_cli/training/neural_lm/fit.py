"""Trains a neural language model on text. A run that was stopped goes on from its resume point."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from attnasr_cli.device import cpu_has_bfloat16
from attnasr_cli.errors import DataError, UsageError
from attnasr_cli.families.recipe.sections import OptimConfig
from attnasr_cli.files import write_bytes
from attnasr_cli.lm.neural.file import save_net
from attnasr_cli.lm.neural.net import NeuralConfig, NeuralLm
from attnasr_cli.lm.neural.rescore import Rescorer
from attnasr_cli.text.subwords import BpeTokenizer
from attnasr_cli.training.neural_lm.config import NeuralLmConfig
from attnasr_cli.training.neural_lm.corpus import (
    Ids,
    encoded,
    make_tokenizer,
    sentences,
)
from attnasr_cli.training.neural_lm.muon import Muon32
from attnasr_cli.training.optim import rate_at
from attnasr_cli.training.resume import STATE, load_state, save_state

CLIP = 1.0
"""largest norm of the gradient"""
SHARES = 1.0, 0.5
"""of the rate, for each of the optimisers"""
NOTES = 50
"""how often progress is noted"""


@dataclass(frozen=True)
class NeuralLmReport:
    """A report on the net that was trained."""

    bytes: int
    seconds: float
    """of this sitting"""
    losses: list[float]
    """in nats a token, of each fiftieth of this sitting"""
    perplexity: float | None
    """per word of the text that is held out, each line on its own"""


def train_neural_lm(
    config: NeuralLmConfig, out: Path, note: Callable[[str], None] = lambda _: None
) -> NeuralLmReport:
    """Train the net and write it to ``out``; what is needed to go on lies in ``train/`` beside it.
    ``note`` is called with messages about progress.

    Raises DataError for texts without sentences, UsageError where the folder has another run.
    """
    began = time.monotonic()
    folder = out.parent / "train"
    texts = [(Path(path), times) for path, times in config.texts]
    kept = folder / BpeTokenizer.file_name
    if not kept.is_file():
        write_bytes(kept, make_tokenizer(texts, config.pieces, config.seed).to_bytes())
    tokenizer = BpeTokenizer(kept.read_bytes())
    ids = encoded(texts, tokenizer)
    if len(ids) <= config.window:
        raise DataError(f"{len(ids)} tokens of text", f"a window has {config.window}")
    torch.manual_seed(config.seed)
    net = NeuralLm(
        NeuralConfig(tokenizer.vocab_size, config.width, config.heads, config.layers, config.hidden)
    )
    note(f"{len(ids)} tokens, {sum(p.numel() for p in net.parameters()) / 1e6:.1f} M parameters")
    losses = _fit(net.train(), ids, config, folder / STATE, note)
    size = save_net(out, net.eval(), tokenizer)
    found = perplexity(out, Path(config.held_out)) if config.held_out else None
    return NeuralLmReport(size, time.monotonic() - began, losses, found)


def _fit(
    net: NeuralLm, ids: Ids, config: NeuralLmConfig, state: Path, note: Callable[[str], None]
) -> list[float]:
    """Train the net. Returns the mean loss of each part of the steps made now."""
    rows = config.batch // config.window
    steps = max(config.tokens // (rows * config.window), 1)
    optim = OptimConfig(
        updates=steps, rate=config.rate, warmup=min(100, steps // 10), fall=config.fall
    )
    optimizers = make_optimizers(net, config)
    # What must be the same for a run to go on; its length may change.
    same = {k: v for k, v in asdict(config).items() if k not in ("tokens", "save_minutes")}
    first = 0
    if state.is_file():
        parts = load_state(state)
        if parts["config"] != same:
            raise UsageError(
                f"{state.parent.parent} has a run with other settings", "give another folder"
            )
        net.load_state_dict(parts["net"])
        for optimizer, values in zip(optimizers, parts["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        first = parts["step"]
        note(f"going on from step {first}")
    low = cpu_has_bfloat16()
    saved, told = time.monotonic(), list[float]()
    recent: list[float] = []
    for step in range(first, steps):
        rate = rate_at(step, optim)
        for optimizer, share in zip(optimizers, SHARES, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = share * rate
        batch = _batch(ids, rows, config.window, config.seed, step)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            logits = net.logits(net(batch[:, :-1]))  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), batch[:, 1:].flatten())
        net.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        for optimizer in optimizers:
            optimizer.step()
        recent.append(float(loss.detach()))
        last = step + 1 == steps
        if (step + 1) * NOTES // steps > step * NOTES // steps:
            told.append(sum(recent) / len(recent))
            recent.clear()
            note(f"step {step + 1} of {steps}, loss {told[-1]:.3f}")
        if last or time.monotonic() - saved > config.save_minutes * 60:
            saved = time.monotonic()
            save_state(
                state,
                {
                    "config": same,
                    "net": net.state_dict(),
                    "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    "step": step + 1,
                },
            )
    return told


def make_optimizers(net: NeuralLm, config: NeuralLmConfig) -> tuple[torch.optim.Optimizer, ...]:
    """Muon (Jordan 2024) for the matrices of the blocks, AdamW for all else; they learn as much
    from three steps as AdamW alone from five. The rates are set at each step."""
    matrices = [p for p in net.blocks.parameters() if p.dim() > 1]
    inside = {id(p) for p in matrices}
    others = [p for p in net.parameters() if id(p) not in inside]
    groups = [
        {"params": [p for p in others if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in others if p.dim() <= 1], "weight_decay": 0.0},
    ]
    decay = config.weight_decay
    muon = torch.optim.Muon if cpu_has_bfloat16() else Muon32
    return (
        muon(matrices, lr=1.0, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.98), fused=True),
    )


def _batch(ids: Ids, rows: int, window: int, seed: int, step: int) -> Tensor:
    """(B, 1 + T): windows from anywhere, each behind the token that begins a text; the same for the
    same step."""
    draw = np.random.default_rng((seed, step))
    at = draw.integers(0, len(ids) - window + 1, rows)
    taken = ids[at[:, None] + np.arange(window)].astype(np.int64)
    begin = np.full((rows, 1), BpeTokenizer.bos)
    return torch.from_numpy(np.concatenate([begin, taken], 1))


def perplexity(net: Path, text: Path) -> float:
    """Of the words of a text under a stored net, each line on its own; its end is not counted.
    Raises DataError without words."""
    rescorer, total, words = Rescorer(net), 0.0, 0
    for line in sentences(text):
        total += rescorer.log_probs([line])[0]
        words += len(line.split())
    if not words:
        raise DataError(f"no words in {text}", "give a text with one sentence a line")
    return math.exp(-total / words)
