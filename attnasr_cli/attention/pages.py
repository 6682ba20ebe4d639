"""Attention as an interactive HTML page, a picture (PNG, SVG, PDF) or a NumPy archive."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attnasr_cli.audio.frames import FRAME_S
from attnasr_cli.errors import AttnasrError, UsageError
from attnasr_cli.families.base import SegmentAttention
from attnasr_cli.version import __version__

MOST_PANELS = 12
"""segments in one picture, beyond which it cannot be read"""
MOST_BYTES = 20_000_000
"""weights in a page; where all heads together are more, each layer is averaged over its heads"""
INCH_PER_S, INCH_PER_TOKEN = 0.8, 0.13


@dataclass(frozen=True)
class Shown:
    """Segments of one recording, and which layer and head of them to show."""

    name: str
    """of the recording"""
    model: str
    segments: Sequence[tuple[float, SegmentAttention]]
    """(start in seconds, attention)"""
    layer: int | None = None
    """from 1; None: all"""
    head: int | None = None

    @property
    def heads(self) -> str:
        """In words, counted from 1."""
        layer = "" if self.layer is None else f"layer {self.layer}"
        head = "" if self.head is None else f"head {self.head}"
        return ", ".join(part for part in (layer, head) if part) or "mean of the heads"


def write(shown: Shown, suffix: str) -> bytes:
    """The content of a file with a suffix that ``suffix_of`` gave. Raises UsageError for more
    segments than a picture can show."""
    return FORMATS[suffix](shown, suffix)


def to_page(shown: Shown, suffix: str) -> bytes:
    """One self-contained HTML file."""
    size = sum(found.weights.numel() for _, found in shown.segments)
    apart = size <= MOST_BYTES
    data = {
        "name": shown.name,
        "model": shown.model,
        "version": __version__,
        "layer": shown.layer,
        "head": shown.head,
        "segments": [_segment(start, found, apart) for start, found in shown.segments],
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # the data must not contain anything that ends the script element
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    page = files("attnasr_cli.attention").joinpath("page.html").read_text(encoding="utf-8")
    title = escape(f"{shown.name}: attention of {shown.model}")
    return page.replace("{{title}}", title).replace("{{data}}", text).encode()


def _segment(start_s: float, found: SegmentAttention, apart: bool) -> dict[str, Any]:
    weights = found.weights if apart else found.weights.mean(1, keepdim=True)  # (L, H or 1, U, S)
    features = found.features.T.flip(0)  # (F, T), low sounds at the bottom
    low, high = float(features.min()), float(features.max())
    return {
        "start": round(start_s, 3),
        "duration": round(found.duration_s, 3),
        "step": found.step_s,
        "tokens": found.tokens,
        "words": found.words,
        "heads": found.heads if apart else [],
        "shape": list(weights.shape),
        "weights": _bytes(weights.sqrt()),  # a weight of 1/1500 must not become 0
        "bins": features.shape[0],
        "features": _bytes((features - low) / max(high - low, 1e-9)),
    }


def _bytes(values: Tensor) -> str:
    """Values from 0 to 1 as base64 text, one byte each."""
    return base64.b64encode((values * 255).round().byte().contiguous().numpy().tobytes()).decode()


def to_picture(shown: Shown, suffix: str) -> bytes:
    """A picture: for each segment its features, and below them its tokens against time."""
    if len(shown.segments) > MOST_PANELS:
        raise UsageError(
            f"{len(shown.segments)} segments in one picture (at most {MOST_PANELS})",
            "choose a part with --start and --end, or write .html",
        )
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise AttnasrError(
            f"a {suffix} picture needs matplotlib",
            "pip install 'attnasr[plot]', or write .html, which needs nothing",
        ) from None
    sizes = [max(len(found.tokens) * INCH_PER_TOKEN, 1.0) for _, found in shown.segments]
    longest = max(found.duration_s for _, found in shown.segments)
    width = min(max(longest * INCH_PER_S, 6.0), 30.0) + 2.0
    height = sum(size + 1.9 for size in sizes)
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(f"{shown.name}, {shown.model}: {shown.heads}", fontsize=10)
    ratios = [part for size in sizes for part in (0.8, size)]
    axes = figure.subplots(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    for i, (start_s, found) in enumerate(shown.segments):
        _panel(axes[2 * i], axes[2 * i + 1], start_s, found)
    content = io.BytesIO()
    figure.savefig(content, format=suffix.removeprefix("."), dpi=110)
    return content.getvalue()


def _panel(above: Any, below: Any, start_s: float, found: SegmentAttention) -> None:
    features = found.features.T.numpy()  # (F, T)
    end_s = start_s + found.duration_s
    above.imshow(
        features, origin="lower", aspect="auto", cmap="gray_r",
        extent=(start_s, start_s + features.shape[1] * FRAME_S, 0, features.shape[0]),
    )  # fmt: skip
    above.set(xlim=(start_s, end_s), xticks=[], ylabel="mel bin", yticks=[])
    weights = found.picture().numpy()  # (U, S)
    U, S = weights.shape
    below.imshow(
        weights, aspect="auto", cmap="magma", interpolation="nearest",
        vmin=0, vmax=float(np.quantile(weights, 0.998)) or 1.0,
        extent=(start_s, start_s + S * found.step_s, U, 0),
    )  # fmt: skip
    below.set(xlim=(start_s, end_s), xlabel="seconds")
    below.set_yticks(np.arange(U) + 0.5, [_plain(token) for token in found.tokens], fontsize=6)
    words = below.secondary_yaxis("right")
    words.set_yticks(
        [(a + b) / 2 for _, a, b in found.words], [_plain(w) for w, _, _ in found.words]
    )
    words.tick_params(labelsize=7, length=0)
    for _, first, _ in found.words[1:]:
        below.axhline(first, color="white", linewidth=0.3, alpha=0.6)


def _plain(text: str) -> str:
    """The text with dollar signs escaped, which matplotlib would read as formulas."""
    return text.replace("$", r"\$")


def to_numbers(shown: Shown, suffix: str) -> bytes:
    """A NumPy archive: for segment i ``weights_i`` (L, H, U, S), ``features_i`` (T, F),
    ``tokens_i``, ``words_i`` (word, first row, row behind the last); ``start_s``, ``step_s``."""
    arrays: dict[str, NDArray[Any]] = {
        "start_s": np.array([start for start, _ in shown.segments]),
        "step_s": np.array([found.step_s for _, found in shown.segments]),
    }
    for i, (_, found) in enumerate(shown.segments):
        arrays[f"weights_{i}"] = found.weights.numpy()
        arrays[f"features_{i}"] = found.features.numpy()
        arrays[f"tokens_{i}"] = np.array(found.tokens, dtype=np.str_)
        arrays[f"words_{i}"] = np.array(
            [(word, str(a), str(b)) for word, a, b in found.words], dtype=np.str_
        )
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


FORMATS: dict[str, Callable[[Shown, str], bytes]] = {
    ".html": to_page,
    ".png": to_picture,
    ".svg": to_picture,
    ".pdf": to_picture,
    ".npz": to_numbers,
}


def suffix_of(path: Path) -> str:
    """The lower-case suffix of a path, which chooses the format. Raises UsageError for an unknown
    one."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"{path} has no picture format", f"end it in {', '.join(FORMATS)}")
    return suffix
