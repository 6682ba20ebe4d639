"""The attention of a decoded segment, with its tokens and words as they are written."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from attnasr_cli.audio.features import FeatureConfig, LogMel
from attnasr_cli.device import Placement
from attnasr_cli.families.aligned import join_words
from attnasr_cli.families.attend import attend
from attnasr_cli.families.base import Decoded, SegmentAttention
from attnasr_cli.families.moonshine.features import SampleFrames
from attnasr_cli.families.moonshine.net import Moonshine
from attnasr_cli.families.moonshine.tokenizer import MoonshineTokenizer
from attnasr_cli.text.tokenizer import SPACE


def attention(
    net: Moonshine,
    tokenizer: MoonshineTokenizer,
    placement: Placement,
    samples: Tensor,
    decoded: Decoded,
) -> SegmentAttention:
    """Teacher-force the tokens of a segment (N,) again.

    Samples are no picture: what is shown beside the weights is their log-mel spectrogram.
    """
    tokens = [token for piece in decoded.pieces for token in piece.tokens]
    features, lengths = SampleFrames()([samples])  # (1, T, 160), (1,)
    groups = join_words(tokenizer.characters(tokens))
    with placement.autocast:
        found = attend(
            net,
            features.to(placement.device),
            int(lengths[0]),
            samples,
            [tokenizer.bos],
            tokens,
            [tokenizer.pieces[token].replace(SPACE, " ") for token in tokens],
            [(text.strip(), rows[0], rows[-1] + 1) for text, rows in groups],
        )
    return replace(found, features=LogMel(FeatureConfig()).extract(samples))
