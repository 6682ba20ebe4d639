"""WER of the dev set while training: the search and the scorer that everything else uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from attnasr_cli import console
from attnasr_cli.audio.frames import FRAMES_PER_S, pad
from attnasr_cli.errors import DataError
from attnasr_cli.families.batching import pack
from attnasr_cli.families.native.targets import greedy_reader
from attnasr_cli.nets.protocol import Memory, Net
from attnasr_cli.text.tokenizer import Tokenizer
from attnasr_cli.training.corpus import Corpus

BATCH_S = 120.0


def texts_of(
    net: Net,
    tokenizer: Tokenizer,
    features: Sequence[Tensor],
    device: torch.device,
    dtype: torch.dtype,
    ctc_weight: float,
) -> list[str]:
    """Greedy texts of features (T, F) each, jointly with the CTC head where there is one."""
    return read_all(net, greedy_reader(net, tokenizer, ctc_weight), features, device, dtype)


@torch.inference_mode()
def read_all(
    net: Net,
    read: Callable[[Memory], list[str]],
    features: Sequence[Tensor],
    device: torch.device,
    dtype: torch.dtype,
    window: int | None = None,
) -> list[str]:
    """Texts of features (T, F) each, in batches.

    read: the memory of a batch → its texts; window: the frames that the net fills every utterance
    up to, which is then what it costs.
    """
    texts = [""] * len(features)
    for batch in pack([(window or f.shape[0]) / FRAMES_PER_S for f in features], BATCH_S):
        x, lengths = pad([features[i] for i in batch])
        x, lengths = x.to(device), lengths.to(device)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            found = read(net.encode(x, lengths))
        for i, text in zip(batch, found, strict=True):
            texts[i] = text
    return texts


def usable_dev(dev: Corpus, window: int | None) -> np.ndarray:
    """(utterances,) bool: which of the dev set can be read, and seen at once where the net has a
    window of so many frames. Raises DataError where none can."""
    frames = dev.frames()[0]
    fits = frames > 0
    if window is not None and (frames > window).any():
        fits &= frames <= window
        longer = f"longer than the {window / FRAMES_PER_S:g} s that the net sees at once"
        if not fits.any():
            raise DataError(f"all dev recordings are {longer}", "cut them")
        console.warn(f"left out {(frames > window).sum()} dev recordings, {longer}")
    return fits
