"""transformers' names of Moonshine Streaming's weights and sizes, and ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attnasr_cli.audio.frames import SAMPLE_RATE_HZ
from attnasr_cli.errors import ModelError
from attnasr_cli.families.common.folder import DECODER_SIZES, GENERIC, Fields
from attnasr_cli.families.moonshine import weight_names
from attnasr_cli.families.moonshine.streaming.encoder import FRAME
from attnasr_cli.families.moonshine.streaming.net import MoonshineStreamingConfig
from attnasr_cli.families.moonshine.weight_names import TIED, TOKENS

TITLE = "Moonshine Streaming"
MODEL_TYPE = "moonshine_streaming"
_FRAME_MS = 1000 * FRAME / SAMPLE_RATE_HZ  # 5.0

# What differs from Moonshine's names, or comes before them.
_TO_HF: tuple[tuple[str, str], ...] = (
    (r"^encoder\.front\.log_gain$", "encoder.embedder.comp.log_k"),
    (r"^encoder\.front\.frame\.", "encoder.embedder.linear."),
    (r"^encoder\.front\.", "encoder.embedder."),
    (r"^encoder\.norm\.", "encoder.final_norm."),
    (r"^decoder\.places\.", "decoder.pos_emb."),
    (r"^decoder\.bridge\.", "decoder.proj."),
)
_ENCODER_SIZES = {
    "width": "hidden_size",
    "hidden": "intermediate_size",
    "heads": "num_attention_heads",
}
"""ours → theirs"""
_FIXED: Mapping[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "hidden_act": ("silu", None),
    "is_encoder_decoder": (True, None),
}
_ENCODER_FIXED: Mapping[str, tuple[Any, ...]] = {
    "attention_bias": (False, None),
    "hidden_act": ("gelu", None),
    "sample_rate": (SAMPLE_RATE_HZ, None),
    "frame_ms": (_FRAME_MS, None),
}
"""fields that may say only what the net does"""
_TOP = ("encoder_config", "rope_parameters", "tie_word_embeddings")
_OWN = ("head_dim", "num_key_value_heads")
_NO_MATTER = ("attention_dropout", "max_position_embeddings", "pad_head_dim_to_multiple_of")


def to_hf(name: str) -> list[str]:
    """Our name of a weight → transformers' names of the weights that it holds, one under the
    other."""
    if name == "decoder.head":
        return [TIED]
    for pattern, replacement in _TO_HF:
        name = re.sub(pattern, replacement, name)
    return weight_names.to_hf(name)


def config_from_hf(table: Mapping[str, Any]) -> MoonshineStreamingConfig:
    """The sizes in a ``config.json``. Raises ModelError that names the field at fault."""
    fields = Fields(table, TITLE)
    encoder = fields.inner("encoder_config")
    more = (*_OWN, *_NO_MATTER, *GENERIC)
    known = (
        *DECODER_SIZES.values(),
        *_FIXED,
        "encoder_config",
        "rope_parameters",
        "tie_word_embeddings",
    )
    fields.refuse_unknown((*known, *TOKENS, "pad_token_id", *more))
    known = (*_ENCODER_SIZES.values(), *_ENCODER_FIXED, "num_hidden_layers", "sliding_windows")
    encoder.refuse_unknown((*known, *more))
    sizes: dict[str, Any] = {own: fields.number(theirs) for own, theirs in DECODER_SIZES.items()}
    sizes |= {own: encoder.number(theirs) for own, theirs in _ENCODER_SIZES.items()}
    for part, fixed in ((fields, _FIXED), (encoder, _ENCODER_FIXED)):
        for name, allowed in fixed.items():
            part.only(name, allowed)
    encoder.only("num_key_value_heads", (sizes["heads"], None))
    fields.only("num_key_value_heads", (sizes["decoder_heads"], None))
    sizes["head"] = _head(encoder, sizes["width"], sizes["heads"])
    sizes["decoder_head"] = _head(fields, sizes["decoder_width"], sizes["decoder_heads"])
    rotary = fields.inner("rope_parameters")
    rotary.only("rope_type", ("default", None))
    share = rotary.number("partial_rotary_factor", (int, float))
    try:
        return MoonshineStreamingConfig(
            **sizes,
            windows=_windows(encoder),
            rotated=int(sizes["decoder_head"] * share),
            rotary_base=float(rotary.number("rope_theta", (int, float))),
            tied=fields.only("tie_word_embeddings", (True, False, None)) is True,
        )
    except ValueError as problem:
        raise ModelError(f"config.json: {problem}", "not a Moonshine that is published") from None


def _head(fields: Fields, width: int, heads: int) -> int:
    """Channels of a head: as they are given, or the width divided among them."""
    if fields.table.get("head_dim") is not None:
        given: int = fields.number("head_dim")
        return given
    return width // max(heads, 1)


def _windows(encoder: Fields) -> tuple[tuple[int, int], ...]:
    """theirs: [before with itself, one more than after], where 0 is none after, too."""
    layers, listed = encoder.number("num_hidden_layers"), encoder.number("sliding_windows", list)
    plain = all(
        isinstance(window, list) and len(window) == 2 and all(type(n) is int for n in window)
        for window in listed
    )
    if not plain or len(listed) != layers:
        raise encoder.cannot("sliding_windows", listed)
    return tuple((before, max(behind - 1, 0)) for before, behind in listed)


def config_to_hf(config: MoonshineStreamingConfig, bos: int, eos: int) -> dict[str, Any]:
    """A ``config.json`` that transformers reads."""
    share = config.rotated / config.decoder_head
    windows = [[before, after + 1 if after else 0] for before, after in config.windows]
    return {
        "architectures": ["MoonshineStreamingForConditionalGeneration"],
        "model_type": MODEL_TYPE,
        "encoder_config": {
            "model_type": f"{MODEL_TYPE}_encoder",
            **{theirs: getattr(config, own) for own, theirs in _ENCODER_SIZES.items()},
            **{name: allowed[0] for name, allowed in _ENCODER_FIXED.items()},
            "head_dim": config.head,
            "num_key_value_heads": config.heads,
            "num_hidden_layers": len(config.windows),
            "sliding_windows": windows,
            "max_position_embeddings": config.text_context,
        },
        **{theirs: getattr(config, own) for own, theirs in DECODER_SIZES.items()},
        **{name: allowed[0] for name, allowed in _FIXED.items()},
        "head_dim": config.decoder_head,
        "num_key_value_heads": config.decoder_heads,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": config.rotary_base,
            # Cut off by int(): a share just above the quotient gives the same channels back.
            "partial_rotary_factor": share + 1e-6 if share < 1 else 1.0,
        },
        "tie_word_embeddings": config.tied,
        "bos_token_id": bos,
        "decoder_start_token_id": bos,
        "eos_token_id": eos,
        "pad_token_id": eos,
        "dtype": "float32",
    }
