"""CTC heads at the end of an encoder (Graves et al. 2006) and between its layers (Lee and Watanabe
2021, arXiv:2102.03216)."""

from __future__ import annotations

from torch import Tensor, nn

from attnasr_cli.nets.precision import keep_float32
from attnasr_cli.nets.protocol import Memory, Net


class CtcNet(Net):
    """A net that may have a CTC head on its encoder; a subclass sets ``head``."""

    head: nn.Linear | None

    @property
    def has_ctc(self) -> bool:
        return self.head is not None

    def ctc(self, memory: Memory) -> Tensor:
        if self.head is None:
            return super().ctc(memory)
        with keep_float32(memory.frames):
            logits: Tensor = self.head(memory.frames.to(self.head.weight.dtype))
            return logits


class InnerCtc(nn.Module):
    """A CTC head between two layers whose posterior is added to the input of the next one.

    Self-conditioned CTC (Nozaki and Komatsu 2021, arXiv:2104.02724): later layers are conditioned
    on the predictions of earlier ones. The weights of the head are those of the final one.
    """

    def __init__(self, width: int, vocab: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.back = nn.Linear(vocab, width)

    def forward(self, x: Tensor, head: nn.Linear) -> tuple[Tensor, Tensor]:
        """x (B, S, D) → x with the projected posterior added (B, S, D), and the logits (B, S,
        V)."""
        with keep_float32(x):
            logits = head(self.norm(x))
        return x + self.back(logits.float().softmax(-1)), logits
