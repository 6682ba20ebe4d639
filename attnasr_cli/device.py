"""Chooses the device and precision of computation once, with the reason as a sentence; cores and
memory."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from attnasr_cli.errors import UsageError

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True)
class Placement:
    """A device and a precision."""

    device: torch.device
    dtype: str
    """float32, bfloat16, float16 or int8: what matrix products are computed in"""
    reason: str
    """one sentence for the user"""
    automatic: bool = False
    """whether the precision was left to the program, so that a decoder may take some liberty"""

    @property
    def autocast(self) -> torch.autocast:
        """A context in which a net in float32 computes in ``dtype``."""
        import torch

        low = getattr(torch, self.dtype) if self.dtype in ("bfloat16", "float16") else None
        return torch.autocast(self.device.type, dtype=low, enabled=low is not None)


@lru_cache(maxsize=1)
def cpu_flags() -> frozenset[str]:
    """The processor's instruction sets as Linux names them; empty where they cannot be read."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()


def cpu_has_bfloat16() -> bool:
    """Whether matrix products in bfloat16 are done by the processor itself."""
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def free_memory() -> int:
    """Bytes of main memory that are free, as Linux says; 2 GB where it does not."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 2_000_000_000


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def choose(device: str = "auto", dtype: str = "auto") -> Placement:
    """Turn what the user asked for into one device and precision, or say why not."""
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}", f"one of {', '.join(DTYPES)}")
    chosen, why = _device(device)
    if chosen.type == "cpu":
        return _on_cpu(chosen, dtype, why)
    return _on_cuda(chosen, dtype, why)


def choose_all(devices: str = "auto", dtype: str = "auto") -> list[Placement]:
    """As ``choose`` for a list such as ``cuda:0,cuda:1`` that shares one queue."""
    names = [name.strip() for name in devices.split(",") if name.strip()] or ["auto"]
    if len(set(names)) < len(names):
        raise UsageError(f"--device {devices} names a device twice", "name each once")
    return [choose(name, dtype) for name in names]


def choose_for_training(devices: str = "auto", dtype: str = "auto") -> list[Placement]:
    """As ``choose_all``, in bfloat16 where the device computes in it and float32 elsewhere; float16
    where it is asked for.

    ``auto`` and ``cuda`` are all GPUs. Raises UsageError for a precision that training lacks.
    """
    import torch

    if dtype == "int8":
        raise UsageError("training in int8 is not offered", "use float32, bfloat16 or float16")
    if devices in ("auto", "cuda") and torch.cuda.is_available():
        devices = ",".join(f"cuda:{i}" for i in range(torch.cuda.device_count()))
    chosen = choose_all(devices, dtype)
    if dtype == "auto" and any(one.dtype not in ("float32", "bfloat16") for one in chosen):
        chosen = choose_all(devices, "float32")
    return chosen


def _device(name: str) -> tuple[torch.device, str]:
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            index = torch.cuda.current_device()
            return torch.device("cuda", index), f"{torch.cuda.get_device_name(index)} was found"
        built = "" if torch.version.cuda or torch.version.hip else " (this torch is CPU-only)"
        return torch.device("cpu"), f"no CUDA device was found{built}"
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()) or name == "cpu:":
        raise UsageError(f"unknown device {name!r}", "use auto, cpu, cuda or cuda:0, cuda:1, …")
    if kind == "cpu":
        return torch.device("cpu"), "asked for"
    if not torch.cuda.is_available():
        raise UsageError(
            f"device {name!r} is not there: torch {torch.__version__} finds no CUDA device",
            "use --device auto or cpu; attnasr doctor shows what torch sees",
        )
    index = int(number) if number else torch.cuda.current_device()
    if index >= torch.cuda.device_count():
        raise UsageError(
            f"device {name!r} is not there", f"{torch.cuda.device_count()} CUDA device(s) found"
        )
    return torch.device("cuda", index), "asked for"


def _on_cpu(device: torch.device, dtype: str, why: str) -> Placement:
    if dtype == "float16":
        raise UsageError("float16 is not for CPUs", "use --dtype bfloat16, float32 or auto")
    if dtype != "auto":
        return Placement(device, dtype, f"cpu: {why}; {dtype}: asked for")
    if cpu_has_bfloat16():
        return Placement(
            device, "bfloat16", f"cpu: {why}; bfloat16: the processor has instructions for it"
        )
    none = f"cpu: {why}; float32: the processor has none for bfloat16"
    return Placement(device, "float32", none, automatic=True)


def _on_cuda(device: torch.device, dtype: str, why: str) -> Placement:
    import torch

    if dtype == "int8":  # its layers are those of CPUs
        raise UsageError(f"int8 is for CPUs, not {device}", "use --dtype bfloat16, float16 or auto")
    if dtype != "auto":
        if dtype == "bfloat16" and torch.cuda.get_device_capability(device) < (8, 0):
            raise UsageError(f"{device} has no bfloat16", "use --dtype float16 or float32")
        return Placement(device, dtype, f"{device}: {why}; {dtype}: asked for")
    if torch.cuda.get_device_capability(device) >= (8, 0):
        return Placement(device, "bfloat16", f"{device}: {why}; bfloat16: the device has it")
    return Placement(device, "float16", f"{device}: {why}; float16: the device has no bfloat16")


TRIM, MMAP = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD in malloc.h
KEPT = 64 << 20
"""bytes of freed memory that a process may keep for what comes next"""
LARGE = 32 << 20
"""bytes from which a tensor has pages of its own, given back with it; the most that glibc takes"""


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Ask the C library to keep what is freed, up to a bound, where it is one that can be asked.

    A Linux system hands out memory page by page, 4 kB in half a microsecond to two, which is more
    than most operations on a CPU take for them. This holds for the whole process, so a program
    asks for it and not a library.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # not glibc
        return
    mallopt(MMAP, LARGE)
    mallopt(TRIM, KEPT)


def give_back_freed_memory() -> None:
    """Ask the C library for what it keeps of freed memory: after loading, more than is in use."""
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(AttributeError, OSError):  # not glibc
            ctypes.CDLL(None).malloc_trim(0)


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error says that the memory of a device or of the machine is full."""
    import torch

    return isinstance(problem, torch.OutOfMemoryError | MemoryError) or (
        isinstance(problem, RuntimeError) and "memory" in str(problem).lower()
    )
