"""whisper.cpp's files: a magic number, sizes, mel filters, the vocabulary, and tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli.errors import ModelError
from attnasr_cli.families.whisper.binary.blocks import TYPES, NumberType, dequantize
from attnasr_cli.families.whisper.binary.reader import BinaryFile, open_binary

SIZES = (
    "n_vocab",
    "n_audio_ctx",
    "n_audio_state",
    "n_audio_head",
    "n_audio_layer",
    "n_text_ctx",
    "n_text_state",
    "n_text_head",
    "n_text_layer",
    "n_mels",
)
"""in the order of the file, by OpenAI's names"""
QUANTIZATION = 2
"""the version of the block formats since whisper.cpp 1.5; thousands of the file's type"""
MOST_AXES = 4


@dataclass(frozen=True)
class GgmlTensor:
    """The position and type of a tensor in the file."""

    shape: tuple[int, ...]
    kind: NumberType
    offset: int
    """of the first byte"""


class GgmlFile:
    """Sizes, vocabulary and tensors of an open file."""

    def __init__(self, file: BinaryFile) -> None:
        self.path = file.path
        self._file = file
        file.skip(4)  # the magic number
        self.sizes = {name: file.number("i") for name in SIZES}
        wrong = [name for name, size in self.sizes.items() if size < 1]
        if wrong:
            raise file.damaged(f"{wrong[0]} is {self.sizes[wrong[0]]}")
        self._quantization = file.number("i") // 1000
        self._skip_filters()
        self.vocabulary = [file.bytes(file.number("I")) for _ in range(file.number("I"))]
        """the bytes of each token; those of the last ones, which are special, need not be there"""
        self.tensors: dict[str, GgmlTensor] = {}
        while file.position < file.size:
            self._next()

    def _skip_filters(self) -> None:
        mels, bins = self._file.number("i"), self._file.number("i")
        if mels != self.sizes["n_mels"] or bins < 1:
            raise self._file.damaged(f"filters for {mels} mel bins of {self.sizes['n_mels']}")
        self._file.skip(4 * mels * bins)

    def _next(self) -> None:
        file = self._file
        axes, length, number = file.number("i"), file.number("i"), file.number("i")
        if not 1 <= axes <= MOST_AXES or length < 1:
            raise file.damaged(f"no tensor before byte {file.position:,}")
        # The innermost axis comes first; torch has it last.
        shape = tuple(reversed([file.number("i") for _ in range(axes)]))
        try:
            name = file.bytes(length).decode("ascii")
        except UnicodeDecodeError:
            raise file.damaged(f"no name before byte {file.position:,}") from None
        kind = TYPES.get(number)
        if kind is None:
            known = ", ".join(kind.name for kind in TYPES.values())
            raise ModelError(
                f"{self.path}: {name} is quantised in an unknown way (type {number})",
                f"known ones: {known}; quantise the model again to one of them",
            )
        if kind.values > 1 and self._quantization != QUANTIZATION:
            raise ModelError(
                f"{self.path}: {kind.name} of version {self._quantization}, not {QUANTIZATION}",
                "quantise the model again with a whisper.cpp from 1.5 on",
            )
        if min(shape) < 1 or shape[-1] % kind.values:
            raise file.damaged(f"{name} has the shape {shape} in blocks of {kind.values}")
        self.tensors[name] = GgmlTensor(shape, kind, file.position)
        file.skip(_size(self.tensors[name]))

    def read(self, name: str) -> Tensor:
        """A tensor in float32."""
        tensor = self.tensors[name]
        data = self._file.tensor(tensor.offset, _size(tensor), torch.uint8)
        return dequantize(data, tensor.kind).view(tensor.shape)


def _size(tensor: GgmlTensor) -> int:
    """Bytes."""
    return math.prod(tensor.shape) // tensor.kind.values * tensor.kind.size


@contextmanager
def open_ggml(path: Path) -> Iterator[GgmlFile]:
    """Raises ModelError for what is not a whole file of whisper.cpp."""
    with open_binary(path) as file:
        yield GgmlFile(file)
