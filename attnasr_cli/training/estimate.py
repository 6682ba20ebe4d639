"""Estimates the time of a run and the memory of its audio from one small batch."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from attnasr_cli.audio.frames import FRAMES_PER_S
from attnasr_cli.families.recipe.recipe import Recipe
from attnasr_cli.families.targets import Targets
from attnasr_cli.nets.protocol import Net
from attnasr_cli.training.loss import losses

AUDIO_S = 8.0  # of each utterance, as speech is read
UTTERANCES = 2
TOKENS_PER_S = 6
TIMED = 2  # batches, after one that warms up


@dataclass(frozen=True)
class Cost:
    """The cost of a second of audio in one process."""

    seconds: float
    bytes: float
    """of tensors kept for the backward pass"""


def measure(
    recipe: Recipe, net: Net, targets: Targets, device: torch.device, dtype: torch.dtype
) -> Cost:
    """Measure a forward and backward pass of a batch of noise."""
    net = net.to(device).train()
    frames = targets.window or round(AUDIO_S * FRAMES_PER_S)
    audio_s = UTTERANCES * frames / FRAMES_PER_S
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(UTTERANCES, frames, recipe.features.bins, generator=generator)
    lengths = torch.full((UTTERANCES,), frames)
    room = (net.max_tokens or 10**6) - len(targets.prompt) - 1
    count = min(round(AUDIO_S * TOKENS_PER_S), room)
    vocab = int(net.config.vocab)
    texts = torch.randint(min(4, vocab - 1), vocab, (UTTERANCES, count), generator=generator)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
    spent = []
    for n in range(TIMED + 1):
        began = time.perf_counter()
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
            torch.autocast(device.type, dtype, enabled=dtype != torch.float32),
        ):
            found = losses(
                net, features.to(device), lengths.to(device), texts.tolist(), targets.prompt,
                targets.eos, recipe.loss,
            )  # fmt: skip
        if n == 0:
            size = sum(count for place, count in kept.items() if place not in weights)
        kept.clear()
        found.total.backward()
        net.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent.append(time.perf_counter() - began)
    return Cost(min(spent[1:]) / audio_s, size / audio_s)


def sentences(
    recipe: Recipe, cost: Cost, parameters: int, processes: int, copies: int
) -> list[str]:
    """Time and memory of a whole run in words. copies: of the weights while training."""
    seconds = recipe.optim.updates * recipe.batch.seconds * cost.seconds / processes
    share = recipe.batch.seconds / processes
    at_once = min(recipe.batch.at_once or share, share)
    weights, audio = parameters * 4 * copies / 1e9, at_once * cost.bytes / 1e9
    each = f"{processes} processes" if processes > 1 else "one process"
    return [
        f"time: {clock(seconds)} at most for {recipe.optim.updates} updates by {each}, at "
        f"{1 / cost.seconds:.0f} audio-s/s each as measured here; evaluations come on top",
        f"memory of each process: {weights + audio:.2f} GB, {weights:.2f} of it for "
        f"{parameters / 1e6:.1f} M parameters and {audio:.2f} for {at_once:g} s of audio at once",
    ]


def clock(seconds: float) -> str:
    """A duration in words, such as ``3 min`` or ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
