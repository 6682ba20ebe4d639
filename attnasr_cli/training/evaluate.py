"""WER of the dev set while training: the search and the scorer that everything else uses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from attnasr_cli.audio.features import pad
from attnasr_cli.decode.scorers import CtcPrefixScorer, Scorer
from attnasr_cli.decode.search import SearchConfig, search
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

FRAMES = 12_000  # a batch of 120 s
CTC_WEIGHT = 0.3


@torch.inference_mode()
def texts_of(
    net: Net,
    tokenizer: Tokenizer,
    features: Sequence[Tensor],
    device: torch.device,
    dtype: torch.dtype,
) -> list[str]:
    """Greedy texts of features (T, F) each, jointly with the CTC head where there is one."""
    order = sorted(range(len(features)), key=lambda i: features[i].shape[0])
    texts = [""] * len(features)
    batch: list[int] = []
    for place, i in enumerate(order):
        batch.append(i)
        longest = features[order[min(place + 1, len(order) - 1)]].shape[0]
        if place + 1 < len(order) and longest * (len(batch) + 1) <= FRAMES:
            continue
        for j, text in zip(
            batch, _decode(net, tokenizer, [features[j] for j in batch], device, dtype), strict=True
        ):
            texts[j] = text
        batch = []
    return texts


def _decode(
    net: Net, tokenizer: Tokenizer, features: list[Tensor], device: torch.device, dtype: torch.dtype
) -> list[str]:
    x, lengths = pad(features)
    x, lengths = x.to(device), lengths.to(device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        memory = net.encode(x, lengths)
        scorers: list[Scorer] = []
        if net.has_ctc:
            logits = net.ctc(memory)
            scorers = [CtcPrefixScorer(logits, memory.lengths, tokenizer.eos, CTC_WEIGHT)]
        prompt = torch.full((len(features), 1), tokenizer.bos, device=device)
        config = SearchConfig(net_weight=1 - CTC_WEIGHT if scorers else 1.0)
        found = search(net, memory, prompt, tokenizer.eos, memory.lengths + 1, config, (), scorers)
    return [tokenizer.decode(hypotheses[0].tokens) for hypotheses in found]
