"""The one place where a model gets its decoder of segments, by the style of its features.

A decoder class has ``Options``, a frozen dataclass; its fields are the options that its models
honour (``--kebab-case`` on the command line), and any other one is refused. It is built as
``Decoder(model, placement, options, batch_s)``, and may have ``settings``, a dict of what was
chosen in the end, for the JSON output.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnasr_cli.checkpoint.folder import Model, load_model
from attnasr_cli.device import Placement
from attnasr_cli.errors import UsageError
from attnasr_cli.families.base import SegmentDecoder


def load_any(path: Path, **extra: Any) -> Model:
    """Load a model of ours, or somebody else's through the border."""
    from attnasr_cli.families.whisper.checkpoint import is_whisper, load_whisper

    if is_whisper(path):
        return load_whisper(path, **extra)
    for option in extra:
        raise UsageError(f"model {path} cannot use {_flag(option)}", "leave it away")
    return load_model(path)


def decoder_class(style: str) -> Any:
    """The decoder for a feature style."""
    if style == "whisper":
        from attnasr_cli.families.whisper.decode.batched import WindowDecoder

        return WindowDecoder
    from attnasr_cli.families.native.decoder import JointDecoder

    return JointDecoder


def decoder_for(
    model: Model, placement: Placement, options: Mapping[str, Any], batch_s: float
) -> SegmentDecoder:
    """A decoder with these options. Raises UsageError for one that the model cannot honour."""
    cls = decoder_class(model.features.style)
    known = [f.name for f in dataclasses.fields(cls.Options)]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            listed = ", ".join(_flag(k) for k in known)
            hint = f"did you mean {_flag(near[0])}?" if near else f"it takes {listed}"
            raise UsageError(f"model {model.header.name} cannot use {_flag(name)}", hint)
    decoder: SegmentDecoder = cls(model, placement, cls.Options(**options), batch_s)
    return decoder


def settings_of(decoder: SegmentDecoder) -> dict[str, Any]:
    """What was chosen in the end, ready for JSON."""
    settings = getattr(decoder, "settings", None)
    return dict(settings) if settings else {}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
