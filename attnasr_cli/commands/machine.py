"""Facts about this machine and this installation, and problems found."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from attnasr_cli import device
from attnasr_cli.checkpoint import hub, registry
from attnasr_cli.errors import AttnasrError, reason
from attnasr_cli.version import __version__

PACKAGES: tuple[str, ...] = (
    "torch",
    "torchaudio",
    "numpy",
    "soundfile",
    "av",
    "silero-vad",
    "sentencepiece",
)
PACKAGES += ("tokenizers", "safetensors", "typer", "rich")
SPEED_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd")
CODECS = ("pcm_s16le", "flac", "mp3", "vorbis", "opus", "aac", "alac", "ac3", "wmav2", "amrnb")
TEST_S = 5.0


@dataclass
class Section:
    """One heading of the report."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {**self.facts, "problems": self.problems}


def examine(model: str | None = None) -> list[Section]:
    """All sections, the self-test last. ``model``: of the self-test; by default the shipped one.

    An exception in one section is reported as a problem of that section: doctor must work on a
    broken machine.
    """
    makers: dict[str, Callable[[], Section]] = {
        "versions": _versions,
        "machine": _machine,
        "device": _devices,
        "audio": _audio,
        "folders": _folders,
        "models": _models,
        "self-test": lambda: _test(model),
    }
    return [_guarded(name, make) for name, make in makers.items()]


def _guarded(name: str, make: Callable[[], Section]) -> Section:
    try:
        return make()
    except Exception as problem:
        return Section(name, problems=[_said(problem)])


def _versions() -> Section:
    section = Section("versions", {"attnasr": __version__, "python": platform.python_version()})
    for package in PACKAGES:
        try:
            section.facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            section.facts[package] = "missing"
            section.problems.append(f"{package} is not installed: pip install {package}")
    return section


def _machine() -> Section:
    import torch

    flags = [flag for flag in SPEED_FLAGS if flag in device.cpu_flags()]
    return Section(
        "machine",
        {
            "system": platform.platform(),
            "processor": device.processor(),
            "instructions": " ".join(flags) or "none of those that help",
            "cores": device.cores(),
            "threads": torch.get_num_threads(),
            "free memory": f"{device.free_memory() / 1e9:.1f} GB",
        },
    )


def _devices() -> Section:
    import torch

    section = Section("device")
    try:
        placement = device.choose()
    except AttnasrError as problem:
        section.problems.append(problem.message)
        return section
    section.facts = {
        "chosen": str(placement.device),
        "dtype": placement.dtype,
        "why": placement.reason,
        "torch built for": f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU",
    }
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        section.facts[f"cuda:{index}"] = (
            f"{torch.cuda.get_device_name(index)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        )
    return section


def _audio() -> Section:
    section = Section("audio")
    try:
        import soundfile

        section.facts["libsndfile"] = soundfile.__libsndfile_version__
        section.facts["its formats"] = " ".join(sorted(soundfile.available_formats())).lower()
    except Exception as problem:
        section.problems.append(f"soundfile does not load: {_said(problem)}")
    try:
        import av

        known = [name for name in CODECS if _decodes(av, name)]
        section.facts["FFmpeg libraries"] = ".".join(map(str, av.library_versions["libavcodec"]))
        section.facts["their decoders"] = " ".join(known)
        section.problems += [f"no decoder for {name}" for name in CODECS if name not in known]
    except Exception as problem:
        section.problems.append(f"PyAV does not load: {_said(problem)}")
    return section


def _decodes(av: Any, name: str) -> bool:
    try:
        av.Codec(name, "r")
    except ValueError:
        return False
    return True


def _folders() -> Section:
    from attnasr_cli.transcribe.config import FILE, user_file

    here, own = Path(FILE), user_file()
    section = Section("folders")
    for name, path in (("configuration here", here), ("configuration", own)):
        section.facts[name] = str(path) if path.is_file() else f"none ({path})"
    models, cache = registry.user_folder(), hub.cache()
    for name, path in (("models", models), ("downloads", cache)):
        section.facts[name] = str(path) if path.is_dir() else f"not there yet ({path})"
        if path.is_dir() and not os.access(path, os.W_OK):
            section.problems.append(f"{path} is not writable")
    return section


def _models() -> Section:
    found = registry.entries()
    section = Section("models", {entry.name: f"{entry.origin}, {entry.path}" for entry in found})
    if not found:
        section.facts["none"] = "attnasr models pull NAME, or attnasr train"
    if registry.DEFAULT not in section.facts:
        section.problems.append(f"the default model {registry.DEFAULT} is not there")
    return section


def _test(model: str | None) -> Section:
    """Load the model and transcribe five seconds; with its own sample, if it has one."""
    section = Section("self-test", {"model": model or registry.DEFAULT})
    try:
        import torch

        from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
        from attnasr_cli.recognize.recognizer import load

        started = time.perf_counter()
        recognizer = load(model or registry.DEFAULT)
        section.facts["loaded in"] = f"{time.perf_counter() - started:.2f} s"
        noise = 0.05 * torch.randn(
            int(TEST_S * SAMPLE_RATE_HZ), generator=torch.Generator().manual_seed(0)
        )
        recognizer.texts([noise[:SAMPLE_RATE_HZ]])  # the first run pays for what later ones do not
        started = time.perf_counter()
        recognizer.texts([noise])
        seconds = time.perf_counter() - started
        section.facts["5 s of audio"] = f"{seconds:.2f} s ({TEST_S / seconds:.0f}x real time)"
        samples = sorted(recognizer.path.glob("sample.*")) if recognizer.path else []
        recordings = [path for path in samples if path.suffix != ".txt"]
        if recordings:
            [transcript] = recognizer.transcribe(recordings[0])
            section.facts["its sample says"] = transcript.text
            wanted = recordings[0].with_suffix(".txt")
            if wanted.is_file() and wanted.read_text(encoding="utf-8").strip() != transcript.text:
                section.problems.append(f"the text of {recordings[0]} should be that of {wanted}")
    except Exception as problem:
        section.problems.append(_said(problem))
    return section


def _said(problem: Exception) -> str:
    """An error on one line."""
    if isinstance(problem, AttnasrError):
        return f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    return f"{type(problem).__name__}: {reason(problem)}"
