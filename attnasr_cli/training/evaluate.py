"""WER of the dev set while training: the search and the scorer that everything else uses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from attnasr_cli.audio.features import FRAMES_PER_S, pad
from attnasr_cli.decode.packing import pack
from attnasr_cli.decode.scorers import CtcPrefixScorer, Scorer
from attnasr_cli.decode.search import SearchConfig, search
from attnasr_cli.nets.protocol import Net
from attnasr_cli.text.tokenizer import Tokenizer

BATCH_S = 120.0


@torch.inference_mode()
def texts_of(
    net: Net,
    tokenizer: Tokenizer,
    features: Sequence[Tensor],
    device: torch.device,
    dtype: torch.dtype,
    ctc_weight: float,
) -> list[str]:
    """Greedy texts of features (T, F) each, jointly with the CTC head where there is one."""
    texts = [""] * len(features)
    for batch in pack([f.shape[0] / FRAMES_PER_S for f in features], BATCH_S):
        x, lengths = pad([features[i] for i in batch])
        x, lengths = x.to(device), lengths.to(device)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            memory = net.encode(x, lengths)
            scorers: list[Scorer] = []
            if net.has_ctc and ctc_weight > 0:
                logits = net.ctc(memory)
                scorers = [CtcPrefixScorer(logits, memory.lengths, tokenizer.eos, ctc_weight)]
            prompt = torch.full((len(batch), 1), tokenizer.bos, device=device)
            config = SearchConfig(net_weight=1 - ctc_weight if scorers else 1.0)
            limits = memory.lengths + 1
            found = search(net, memory, prompt, tokenizer.eos, limits, config, (), scorers)
        for i, hypotheses in zip(batch, found, strict=True):
            texts[i] = tokenizer.decode(hypotheses[0].tokens)
    return texts
