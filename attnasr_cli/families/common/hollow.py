"""Nets without values, which weights are then assigned to: no memory, no random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _NoInitialisation(TorchFunctionMode):
    """On the device "meta" the functions of ``torch.nn.init`` do nothing, but import two seconds of
    torch's compiler to do it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == torch.nn.init.__name__:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


@contextmanager
def hollow() -> Iterator[None]:
    """A context in which modules are made on the device "meta"."""
    with torch.device("meta"), _NoInitialisation():
        yield
