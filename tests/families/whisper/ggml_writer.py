"""A writer of whisper.cpp's files for tests, after its published layout and rounding."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch

from attnasr_cli.families.whisper.vocabulary import byte_letters

NUMBERS = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "q6_k": 14}
WHOLE = ("positional_embedding", "conv1.bias", "conv2.bias")
"""never made smaller, although they have two axes in the file"""


def pack(values: np.ndarray, kind: str) -> bytes:
    """Values (N,) float32, N a multiple of 32 where ``kind`` has blocks."""
    if kind in ("f32", "f16"):
        return values.astype("<f4" if kind == "f32" else "<f2").tobytes()
    out = []
    for block in values.reshape(-1, 32).astype(np.float64):
        if kind == "q8_0":
            scale = abs(block).max() / 127
            levels = np.rint(block / (scale or 1)).astype(np.int8)
            out.append(struct.pack("<e", scale) + levels.tobytes())
            continue
        top = 2 ** int(kind[1])
        if kind.endswith("_0"):
            widest = block[abs(block).argmax()]
            scale, head = widest / -(top / 2), b""
            levels = np.clip(np.floor(block / (scale or 1) + top / 2 + 0.5), 0, top - 1)
        else:
            low = block.min()
            scale, head = (block.max() - low) / (top - 1), struct.pack("<e", low)
            levels = np.clip(np.floor((block - low) / (scale or 1) + 0.5), 0, top - 1)
        levels = [int(level) for level in levels]
        if kind.startswith("q5"):
            head += struct.pack("<I", sum((level >> 4) << j for j, level in enumerate(levels)))
        nibbles = bytes((levels[j] & 15) | (levels[j + 16] & 15) << 4 for j in range(16))
        out.append(struct.pack("<e", scale) + head + nibbles)
    return b"".join(out)


def to_bytes(
    model: object,
    kind: str = "f16",
    pieces: int | None = None,
    only: tuple[str, ...] = (),
    **head: int,
) -> bytes:
    """The content of a file. only: parts of names of the tensors that become ``kind``, the others
    float16; pieces: how many of the vocabulary; head: other sizes, magic, version, type number."""
    net, tokenizer = model.net, model.tokenizer  # type: ignore[attr-defined]
    config = net.config
    sizes = {
        "n_vocab": config.vocab, "n_audio_ctx": config.audio_context,
        "n_audio_state": config.width, "n_audio_head": config.audio_heads,
        "n_audio_layer": config.audio_layers, "n_text_ctx": config.text_context,
        "n_text_state": config.width, "n_text_head": config.text_heads,
        "n_text_layer": config.text_layers, "n_mels": config.mels,
    }  # fmt: skip
    sizes |= {name: head[name] for name in sizes if name in head}
    version = head.get("version", 2)
    out = [struct.pack("<I", head.get("magic", 0x67676D6C)), struct.pack("<10i", *sizes.values())]
    out.append(struct.pack("<i", 1000 * version + NUMBERS[kind]))
    out += [struct.pack("<ii", config.mels, 201), bytes(4 * config.mels * 201)]
    raw = {letter: byte for byte, letter in byte_letters().items()}
    words = sorted(tokenizer.vocabulary, key=lambda piece: tokenizer.vocabulary[piece])[:pieces]
    out.append(struct.pack("<i", len(words)))
    for word in words:
        out.append(struct.pack("<I", len(word)) + bytes(raw[letter] for letter in word))
    for name, tensor in net.state_dict().items():
        values = tensor.detach().float()
        if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
            values = values[:, None]
        small = values.ndim > 1 and not name.endswith(WHOLE)
        used = "f16" if values.ndim == 3 and kind != "f32" else kind
        used = (
            (used if not only or any(part in name for part in only) else "f16") if small else "f32"
        )
        number = head.get("type_number", NUMBERS[used]) if small else NUMBERS[used]
        out.append(struct.pack("<iii", values.ndim, len(name), number))
        out.append(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + name.encode())
        out.append(pack(values.reshape(-1).numpy(), used if used in NUMBERS else "f16"))
    return b"".join(out)


def write_file(path: Path, model: object, kind: str = "f16", **more: object) -> Path:
    path.write_bytes(to_bytes(model, kind, **more))  # type: ignore[arg-type]
    return path


def step(values: torch.Tensor, kind: str) -> torch.Tensor:
    """How far a stored value may be off, of the shape of ``values``."""
    if kind == "f32":
        return torch.zeros_like(values)
    if kind == "f16":
        return values.abs() * 2**-11 + 1e-7
    blocks = values.reshape(-1, 32)
    peak = blocks.abs().amax(1, keepdim=True)
    spread = blocks.amax(1, keepdim=True) - blocks.amin(1, keepdim=True)
    # Half a level, or a whole one at the end that has no level; scales are float16.
    off = {
        "q4_0": peak / 8,
        "q5_0": peak / 16,
        "q4_1": spread / 15 / 2,
        "q5_1": spread / 31 / 2,
        "q8_0": peak / 127 / 2,
    }[kind]
    return (off + peak * 2**-9).expand_as(blocks).reshape(values.shape)
