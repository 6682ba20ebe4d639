"""Sizes of Fourier transforms."""

from __future__ import annotations


def fast_size(length: int) -> int:
    """A size of at least ``length``, by an eighth larger at most, whose Fourier transform is fast:
    8 to 16 times a power of two. One with a large prime factor takes seven times as long."""
    step = 1 << max(length.bit_length() - 4, 0)
    return -(-length // step) * step
