"""Voice-activity detection with Silero's net, run on many windows at once.

The package's own loop feeds one window of 32 ms at a time. Only its LSTM needs the order: spectrum
and convolutions are computed for all windows of a block together, which gives the same numbers
about twenty times faster. The weights are read from the installed ``silero-vad`` package without
importing it: its import sets torch to one thread for the whole process.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnasr_cli.errors import ModelError

WINDOW = 512  # samples: 32 ms at 16 kHz
CONTEXT = 64  # samples of the window before that are seen again
REFLECTED = 64  # samples mirrored at the end of a window
FFT, HOP = 256, 128  # 16 ms, 8 ms: 4 spectra in a window
BINS = FFT // 2 + 1
WIDTH = 128
STRIDES = (1, 2, 2, 1)  # of the four convolutions: 4 spectra become 1 vector


class VoiceNet(nn.Module):
    """Silero VAD 6 at 16 kHz. Stateless: the LSTM state is passed in and returned."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 2 * BINS, FFT, HOP, bias=False)
        sizes = [(BINS, 128), (128, 64), (64, 64), (64, WIDTH)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(i, o, 3, stride, 1) for (i, o), stride in zip(sizes, STRIDES, strict=True)
        )
        self.lstm = nn.LSTM(WIDTH, WIDTH)
        self.head = nn.Conv1d(WIDTH, 1, 1)

    def forward(self, windows: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, VoiceState]:
        """windows (n, CONTEXT + WINDOW) in order → probability of speech (n,), state."""
        x = F.pad(windows, (0, REFLECTED), "reflect")[:, None]
        x = self.spectrum(x)  # (n, 2·BINS, 4)
        x = (x[:, :BINS].square() + x[:, BINS:].square()).sqrt()  # (n, BINS, 4)
        for convolution in self.convolutions:
            x = convolution(x).relu()
        x, state = self.lstm(x[:, :, 0][:, None], state)  # (n, 1, WIDTH)
        return self.head(x.relu().transpose(1, 2))[:, 0, 0].sigmoid(), state


VoiceState = tuple[Tensor, Tensor]


@lru_cache(maxsize=1)
def _net() -> VoiceNet:
    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        raise ModelError("the package silero-vad is not installed", "pip install silero-vad")
    file = Path(spec.origin).parent / "data" / "silero_vad.jit"
    if not file.exists():
        raise ModelError(f"silero-vad has no {file.name}", "pip install 'silero-vad>=6.2'")
    # The package's safetensors file holds the weights of another version: take the script's.
    read: Any = torch.jit.load
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there is no other file of them
        tensors = read(str(file), map_location="cpu").state_dict()
    names = {"spectrum.weight": "stft.forward_basis_buffer"}
    for kind in ("weight", "bias"):
        for i in range(4):
            names[f"convolutions.{i}.{kind}"] = f"encoder.{i}.reparam_conv.{kind}"
        names[f"head.{kind}"] = f"decoder.decoder.2.{kind}"
        for way in ("ih", "hh"):
            names[f"lstm.{kind}_{way}_l0"] = f"decoder.rnn.{kind}_{way}"
    net = VoiceNet()
    net.load_state_dict({ours: tensors[f"_model.{theirs}"] for ours, theirs in names.items()})
    return net.eval().requires_grad_(False)


class VoiceDetector:
    """Gives the probability of speech for every complete window of 32 ms of pushed samples."""

    def __init__(self) -> None:
        self.net = _net()
        self.state: VoiceState = (torch.zeros(1, 1, WIDTH), torch.zeros(1, 1, WIDTH))
        self.rest = torch.zeros(CONTEXT)  # context, then samples that do not fill a window yet

    @torch.inference_mode()
    def push(self, samples: Tensor) -> Tensor:
        """samples (N,) → probabilities (n,)."""
        joined = torch.cat([self.rest, samples])
        count = (joined.shape[0] - CONTEXT) // WINDOW
        if count == 0:
            self.rest = joined
            return torch.zeros(0)
        windows = joined[: CONTEXT + count * WINDOW].unfold(0, CONTEXT + WINDOW, WINDOW)
        found: list[Tensor] = []
        for part in torch.split(windows, 1_024):  # 33 s: bounds the memory of a long push
            probabilities, self.state = self.net(part, self.state)
            found.append(probabilities)
        self.rest = joined[count * WINDOW :].clone()
        return torch.cat(found)

    def finish(self) -> Tensor:
        """Probabilities (0 or 1,) of the last window, filled up with silence."""
        held = self.rest.shape[0] - CONTEXT
        return self.push(torch.zeros(WINDOW - held)) if held else torch.zeros(0)
