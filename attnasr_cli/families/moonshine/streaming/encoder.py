"""The encoder of Moonshine Streaming: samples → positions of 20 ms with limited context.

Frames of 5 ms are normalised and compressed separately, two causal convolutions merge four of them
into a position, and the layers attend to some positions before and at most three after. The encoder
has no absolute positions.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.families.common.blocks import ActivatedLinear, FrameConv, SelfAttention
from attnasr_cli.families.moonshine.streaming.window import window_mask, windowed_attention
from attnasr_cli.nets.protocol import length_mask

FRAME = 80
"""samples: 5 ms at 16 kHz"""
KERNEL, STRIDE = 5, 2
POSITION = FRAME * STRIDE * STRIDE
"""samples from one memory position to the next: 320, 20 ms at 16 kHz"""
STEP_S = POSITION / SAMPLE_RATE_HZ
SEEN = 1 + (KERNEL - 1) + STRIDE * (KERNEL - 1)
"""receptive field of a position in frames: 13"""
OFFSET_S = (1 - SEEN / 2) * FRAME / SAMPLE_RATE_HZ - STEP_S / 2
"""seconds by which the middle of its receptive field is later than the middle of its own 20 ms:
-37.5 ms"""
EPSILON = 1e-6
"""of the normalisation of a frame"""


def positions(samples: Tensor) -> Tensor:
    """samples (B,) of each utterance → memory positions (B,), at least one"""
    count = (samples.clamp_min(1) + FRAME - 1) // FRAME
    for _ in range(2):
        count = (count - 1) // STRIDE + 1
    return count


class Norm(nn.Module):
    """Layer normalisation without a bias, with the scale stored minus 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D)"""
        return F.layer_norm(x, self.gamma.shape, self.gamma + 1.0)


class Front(nn.Module):
    """Samples → positions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_gain = nn.Parameter(torch.tensor(0.75).log())
        self.frame = nn.Linear(FRAME, width, bias=False)
        self.conv1 = FrameConv(width, 2 * width, KERNEL, STRIDE, "silu")
        self.conv2 = FrameConv(2 * width, width, KERNEL, STRIDE, "none")

    def forward(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """samples (B, N), lengths (B,) in samples → (B, S, D). An incomplete last frame counts as
        silence, as in the publisher's code."""
        count = max(-(-samples.shape[1] // FRAME), 1)
        samples = F.pad(samples, (0, count * FRAME - samples.shape[1]))
        x = samples.to(self.log_gain.dtype).unflatten(1, (count, FRAME))  # (B, T, 80)
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt()
        x = F.silu(self.frame(torch.asinh(self.log_gain.exp() * x)))  # (B, T, D)
        full = lengths // FRAME
        if bool((full < count).any()):
            x = x * length_mask(full, count)[..., None]
        for conv in (self.conv1, self.conv2):
            x = conv(F.pad(x, (0, 0, KERNEL - 1, 0)))
        return cast(Tensor, x)  # (B, S, D)


class Block(nn.Module):
    """Windowed self-attention, then feed-forward with a GELU."""

    def __init__(
        self, width: int, hidden: int, heads: int, head: int, window: tuple[int, int]
    ) -> None:
        """window: number of positions attended to before (the own one included) and after."""
        super().__init__()
        self.window = window
        self.attn_norm, self.attn = Norm(width), SelfAttention(width, heads, head=head)
        self.mlp_norm = Norm(width)
        self.up, self.down = ActivatedLinear(width, hidden, "gelu"), nn.Linear(hidden, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, S, D), the mask of its windows → (B, S, D)"""
        q, k, v = self.attn.project(self.attn_norm(x))
        x = x + self.attn.join(windowed_attention(q, k, v, mask, *self.window))
        return x + cast(Tensor, self.down(self.up(self.mlp_norm(x))))


class Encoder(nn.Module):
    """Samples → frames of the memory."""

    def __init__(
        self, width: int, hidden: int, heads: int, head: int, windows: tuple[tuple[int, int], ...]
    ) -> None:
        super().__init__()
        self.front = Front(width)
        self.blocks = nn.ModuleList(Block(width, hidden, heads, head, seen) for seen in windows)
        self.norm = Norm(width)

    def forward(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """samples (B, N), lengths (B,) in samples → (B, S, D), lengths (B,) in positions"""
        x = self.front(samples, lengths).float()
        lengths = positions(lengths)
        masks: dict[tuple[int, int], Tensor] = {}
        for block in self.blocks:
            window = cast(Block, block).window
            if window not in masks:
                masks[window] = window_mask(lengths, x.shape[1], *window)
            x = block(x, masks[window])
        return self.norm(x), lengths
