"""``model.bin`` of CTranslate2: named variables, some of them in int8 or int16 with scales."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from attnasr_cli.errors import ModelError
from attnasr_cli.families.whisper.binary.reader import BinaryFile, open_binary
from attnasr_cli.families.whisper.formats import CTRANSLATE2_SPEC

VERSION = 6
"""of the binary layout; the only one since CTranslate2 knows Whisper"""
REVISION = 3
"""of Whisper's variables; earlier ones have the same names"""
DTYPES = (
    torch.float32,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.float16,
    torch.bfloat16,
)
"""by the number that a variable has for its type"""
QUANTIZED = (torch.int8, torch.int16)
"""stored is the rounded product of value and scale"""


@dataclass(frozen=True)
class Variable:
    """The position and type of a variable in the file."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    offset: int
    """of the first byte"""


class Variables:
    """The variables of an open file by name; an alias is a second name of one."""

    def __init__(self, file: BinaryFile) -> None:
        self.path = file.path
        self._file = file
        self._found: dict[str, Variable] = {}
        self._read_head()
        for _ in range(file.number("I")):
            variable = self._next()
            self._found[variable.name] = variable
        for _ in range(file.number("I")):
            alias, name = self._text(), self._text()
            if name not in self._found:
                raise file.damaged(f"{alias} stands for {name}, which is not there")
            self._found[alias] = self._found[name]

    def _read_head(self) -> None:
        version = self._file.number("I")
        if version != VERSION:
            raise ModelError(
                f"{self.path} has version {version} of CTranslate2's format, not {VERSION}",
                "convert the model again with CTranslate2 3 or 4",
            )
        spec, revision = self._text(), self._file.number("I")
        if spec != CTRANSLATE2_SPEC or revision > REVISION:
            raise ModelError(
                f"{self.path} is a {spec} of revision {revision}, not a {CTRANSLATE2_SPEC} of "
                f"revision {REVISION}",
                "convert a Whisper model with CTranslate2 3 or 4",
            )

    def _next(self) -> Variable:
        file, name = self._file, self._text()
        shape = tuple(file.number("I") for _ in range(file.number("B")))
        kind, size = file.number("B"), file.number("I")
        if kind >= len(DTYPES):
            raise ModelError(
                f"{self.path}: {name} is quantised in an unknown way (type {kind})",
                "convert the model again to int8, int16, float16, bfloat16 or float32",
            )
        if math.prod(shape) * DTYPES[kind].itemsize != size:
            raise file.damaged(f"{name} has {size:,} bytes for the shape {shape}")
        variable = Variable(name, shape, DTYPES[kind], file.position)
        file.skip(size)
        return variable

    def _text(self) -> str:
        try:
            return self._file.bytes(self._file.number("H")).rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise self._file.damaged(f"no name before byte {self._file.position:,}") from None

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def find(self, name: str) -> Variable:
        """Raises ModelError where it is not there."""
        if name not in self._found:
            raise ModelError(f"{self.path} lacks the weight {name}", "copy the model again")
        return self._found[name]

    def scalar(self, name: str) -> int:
        """A whole number."""
        variable = self.find(name)
        if math.prod(variable.shape) != 1:
            raise self._file.damaged(f"{name} is not one number")
        return int(self._stored(variable, 0, 1).item())

    def rows(self, name: str, first: int, shape: tuple[int, ...]) -> Tensor:
        """``shape`` float32 values from the row ``first`` on; the other rows are not read."""
        variable = self.find(name)
        count = math.prod(shape)
        each = math.prod(variable.shape[1:])
        values = self._stored(variable, first * each, count).view(shape).float()
        if variable.dtype.is_floating_point:
            return values
        scale = self._found.get(variable.name + "_scale")
        if variable.dtype not in QUANTIZED or scale is None:
            kind = str(variable.dtype).removeprefix("torch.")
            raise ModelError(
                f"{self.path}: {variable.name} is in {kind} without a scale",
                "convert the model again to int8, int16, float16, bfloat16 or float32",
            )
        if math.prod(scale.shape) == 1 and scale.dtype.is_floating_point:
            return values.div_(self._stored(scale, 0, 1).float())
        if scale.shape != variable.shape[:1] or not scale.dtype.is_floating_point:
            raise ModelError(
                f"{self.path}: {scale.name} is {scale.shape} for {variable.shape[0]} rows",
                "convert the model again",
            )
        scales = self._stored(scale, first, shape[0]).float()
        return values.div_(scales.view(-1, *[1] * (len(shape) - 1)))

    def same(self, name: str, other: str) -> bool:
        """Whether two variables hold the same bytes."""
        a, b = self.find(name), self.find(other)
        if a == b:
            return True
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return False
        count = math.prod(a.shape)
        return torch.equal(self._stored(a, 0, count), self._stored(b, 0, count))

    def _stored(self, variable: Variable, first: int, count: int) -> Tensor:
        """Numbers as they are in the file, (count,)."""
        offset = variable.offset + first * variable.dtype.itemsize
        return self._file.tensor(offset, count, variable.dtype)


@contextmanager
def open_variables(path: Path) -> Iterator[Variables]:
    """Raises ModelError for what is not a whole ``model.bin`` of Whisper."""
    with open_binary(path) as file:
        yield Variables(file)
